"""`attnctl weights` brings published weights from a server into the user's cache, and lists them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from attnctl import backbones
from attnctl.cli.commands import weights
from attnctl.networks.weights import published
from attnctl.networks.weights.published import Published
from attnctl.networks.weights.read import read
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import read_events
from tests.attnctl.cli.cli_run import Run, assert_refused, listing

NAME = "torchvision:ResNet18_Weights.IMAGENET1K_V1"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that a server on this machine serves, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def weights_file(server: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small weights under the name of ResNet-18's, at a server on this machine."""
    folder, address = server
    torch.save(backbones.build("resnet18", 1000).state_dict(), folder / "x")
    digest = hashlib.sha256((folder / "x").read_bytes()).hexdigest()
    path = (folder / "x").rename(folder / f"resnet18-{digest[:8]}.pth")
    found = Published(name=NAME, url=f"{address}/{path.name}")
    monkeypatch.setattr(published, "describe", lambda keys: dict.fromkeys(keys, found))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return path


def test_weights_are_fetched_once_and_sweeps_start_from_them_by_content(
    weights_file: Path, folder: Path, attnctl: Run
) -> None:
    small = ("--backbone", "resnet18", "--epochs", "1", "--batch", "512", "--norm-batch", "512", "--input-size", "8")
    words = ("sweep", "none", "--init", NAME, *small, "--run-on", "local", "--device", "cpu")
    before = listing(folder)
    result = attnctl(*words)
    assert_refused(result, "not fetched")
    assert result.err == (
        f"attnctl: missing weights: {NAME}; on a machine with a network: attnctl weights fetch {NAME}; "
        "--init random trains without\n"
    )
    assert listing(folder) == before
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    (fetched,) = json.loads(attnctl("weights", "fetch", NAME, "--json").out)["weights"]
    assert (fetched["name"], fetched["sha256"]) == (NAME, digest)
    assert Path(fetched["path"]).read_bytes() == weights_file.read_bytes()
    weights_file.unlink()
    assert attnctl("weights", "fetch", NAME).out == f"{NAME} is in {fetched['path']} (SHA-256 {digest})\n"
    (listed,) = json.loads(attnctl("weights", "list", NAME, "--json").out)["weights"]
    assert (listed["sha256"], listed["path"]) == (digest, fetched["path"])
    assert digest[:12] in attnctl("weights", "list", NAME).out
    done = attnctl(*words, "--json")
    assert done.code == 0, done.err
    (run,) = json.loads(done.out)["runs"]
    assert Workspace(folder).run(run["id"]).read_spec().init == f"file:{digest}"
    events = Workspace(folder).run(run["id"]).attempt(1).incarnation(0).events.read_bytes()
    (event,) = [one for one in read_events(events) if one["kind"] == "initialised"]
    assert event["reshaped"] == ["fc.weight", "fc.bias"]


def test_a_file_with_another_content_than_its_name_says_is_deleted(
    weights_file: Path, folder: Path, attnctl: Run, tmp_path: Path
) -> None:
    weights_file.write_bytes(b"other")
    result = attnctl("weights", "fetch", NAME)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith(" has another SHA-256 than its name says; the download was deleted\n")
    assert [path for path in (tmp_path / "torch").rglob("*") if path.is_file()] == []


def test_a_server_that_does_not_answer_is_one_line(attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Published(name=NAME, url="http://127.0.0.1:1/x.pth")
    monkeypatch.setattr(published, "describe", lambda keys: dict.fromkeys(keys, gone))
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
    assert_refused(attnctl("weights", "fetch", NAME), "no server")


def test_names_are_checked(attnctl: Run, folder: Path) -> None:
    assert "must be torchvision:NAME" in attnctl("weights", "fetch", "resnet50").err
    assert "needs --backbone" in attnctl("weights", "fetch", "torchvision:default").err
    assert_refused(attnctl("weights", "fetch", NAME, "--backbone", "resnet21"), "an unknown backbone")
    assert "missing NAME or --table" in attnctl("weights", "fetch").err
    assert "no row of table ean:2 starts from published weights" in attnctl("weights", "fetch", "--table", "ean:2").err


def test_the_list_has_what_papers_start_from(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    weights.list_()
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert names == ["yolox:nano", "torchvision:ResNet50_Weights.IMAGENET1K_V1"]


def test_a_trained_network_is_exported_in_the_format_of_the_suffix(trained: Path, attnctl: Run) -> None:
    run = Workspace(trained).run_ids()[0]
    done = attnctl("weights", "export", run[:6], "-o", "w.safetensors")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("w.safetensors: safetensors, 1.")
    assert done.out.endswith(f" MB, step 5 of run {run[:8]}\n")
    again = attnctl("weights", "export", run, "-o", "w.safetensors")
    assert (again.code, again.err) == (2, "attnctl: w.safetensors already exists; --force replaces it\n")
    told = json.loads(attnctl("weights", "export", run, "-o", "w.bin", "--format", "pt", "--json").out)
    assert told == {"run": run, "step": 5, "file": "w.bin", "format": "pt"}
    assert read(trained / "w.bin").keys() == read(trained / "w.safetensors").keys()
    assert_refused(attnctl("weights", "export", run), "no file")
    assert_refused(attnctl("weights", "export", run, "-o", "w.xyz"), "unknown suffix")
    assert_refused(attnctl("weights", "export", "feed", "-o", "w.pt"), "no such run")
    assert listing(trained).count("w.pt") == 0


@pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="onnx is not installed")
def test_the_outputs_of_an_onnx_file_are_compared(trained: Path, attnctl: Run) -> None:
    for run in Workspace(trained).run_ids():
        told = json.loads(attnctl("weights", "export", run, "-o", f"{run}.onnx", "--json").out)
        assert told["compared"]["close"] is True
        assert told["compared"]["difference"] < 1e-3 < told["compared"]["largest_output"]
        assert (trained / f"{run}.onnx").stat().st_size > 1e6
