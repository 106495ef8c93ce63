"""`attnctl archive`: a table's evidence in one file, which can be checked, looked at, merged and trained again."""

from __future__ import annotations

import json
import shlex
import tarfile
from pathlib import Path

import pytest

from attnctl import sources
from attnctl.grid import Axes, expand
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.exchange_cases import write_attempt, write_sweep
from tests.fixtures.unprivileged import ReadOnly
from tests.reports.exchange.unpacked import unpack


def test_a_real_sweep_is_packed_checked_reported_and_merged(
    trained: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packed = attnctl("archive", "first", "-o", "first.tar.gz")
    assert packed.code == 0
    checked = attnctl("archive", "--check", "first.tar.gz")
    assert (checked.code, "of 2 runs, all unchanged" in checked.out) == (0, True)
    with tarfile.open("first.tar.gz") as tar:
        count = f"{len(tar.getnames())} files of 2 runs"
    assert count in packed.err
    assert count in checked.out
    report = attnctl("report", "first", "--json").out
    folder = unpack(trained / "first.tar.gz", tmp_path / "unpacked")
    assert folder.name == "first"
    assert (folder / "table.json").read_text() == report
    monkeypatch.chdir(folder)
    assert attnctl("report", "first", "--json").out == report
    assert attnctl("report", "--lock", "lock.json", "--json").out == report
    used = json.loads((folder / "software.json").read_bytes())
    lists = {start["packages"] for starts in used.values() for start in starts.values()}
    assert any("torch==" in (folder / name).read_text() for name in lists)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    monkeypatch.chdir(fresh)
    assert attnctl("merge", str(folder)).out.splitlines() == ["2 runs: 2 new", "  sweep first"]
    assert attnctl("report", "first", "--json").out == report


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "missing -o FILE"),
        (["first"], "missing -o FILE"),
        (["first", "-o", "a.zip"], "the name of an archive must end in .tar.gz"),
        (["-o", "a.tar.gz"], "missing TABLE or SWEEP"),
        (["firts", "-o", "a.tar.gz"], "did you mean 'first'"),
        (["ela:99", "-o", "a.tar.gz"], "ELA has no table '99'"),
        (["ela:4", "-o", "a.tar.gz"], "nothing to pack"),
        (["first", "--check", "a.tar.gz"], "remove the other arguments"),
        (["--check", "no.tar.gz"], "there is no file 'no.tar.gz'"),
        (["first", "-o", "there.tar.gz"], "--force replaces it"),
    ],
)
def test_an_invalid_request_is_an_error_with_a_reason(
    words: list[str], said: str, written: Workspace, attnctl: Run
) -> None:
    (written.root / "there.tar.gz").write_text("mine")
    attnctl("status")
    before = listing(written.root)
    result = attnctl("archive", *words)
    assert (result.code, said in result.err) == (2, True), result.err
    assert listing(written.root) == before


def test_a_users_module_is_retrained_from_the_archive(
    folder: Path, attnctl: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "helper.py").write_text("SCALE = 0.5\n")
    (folder / "mine.py").write_text(
        "import torch\nfrom helper import SCALE\n\n\nclass Gate(torch.nn.Module):\n"
        "    def __init__(self, channels: int, *, strength: float = 0.1) -> None:\n        super().__init__()\n"
        "        self.strength = strength\n\n    def forward(self, x: torch.Tensor) -> torch.Tensor:\n"
        "        return x * (1 + SCALE * self.strength)\n"
    )
    run = expand(Axes(modules=("./mine.py:Gate",))).specs[0]
    workspace = Workspace(folder)
    sources.keep(run.versions.module, workspace.sources)
    write_attempt(workspace, run, 1, {10: 50.0}, nonce="a")
    write_sweep(workspace, "own", [run])
    assert attnctl("archive", "own", "-o", "own.tar.gz").code == 0
    unpacked = unpack(folder / "own.tar.gz", tmp_path / "unpacked")
    text = (unpacked / "README.txt").read_text()
    (command,) = [line.strip() for line in text.splitlines() if line.startswith("    attnctl sweep sources/")]
    monkeypatch.chdir(unpacked)
    planned = attnctl(*shlex.split(command)[1:], "--run-on", "local", "--device", "cpu", "--dry-run", "--json")
    assert planned.code == 0, planned.err
    assert [item["id"] for item in json.loads(planned.out)["runs"]] == [run.id]


def test_without_the_right_to_read_or_to_write_one_sentence_says_so(
    trained: Path, unprivileged: Run, read_only: ReadOnly
) -> None:
    assert unprivileged("archive", "first", "-o", "first.tar.gz").code == 0
    log = min(trained.glob("runs/*/attempts/1/0/events.jsonl"))
    closed = trained / "closed"
    closed.mkdir()
    read_only(closed)
    for path in (log, trained / "first.tar.gz"):
        path.chmod(0)
    said = {
        ("first", "-o", "again.tar.gz"): f"cannot pack {log}: you have no permission to read it; ask its owner to pack",
        ("first", "-o", "closed/a.tar.gz"): "cannot write closed/a.tar.gz: the folder closed is not writable",
        ("--check", "first.tar.gz"): "path 'first.tar.gz' is not readable",
    }
    for words, message in said.items():
        result = unprivileged("archive", *words)
        assert_refused(result, " ".join(words))
        assert message in result.err
    assert not (trained / "again.tar.gz").exists()
    log.chmod(0o600)
