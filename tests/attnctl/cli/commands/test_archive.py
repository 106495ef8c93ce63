"""`attnctl archive`: a table's evidence in one file, which can be checked, looked at, merged and trained again."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from attnctl import sources
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.papers import load
from attnctl.papers.runs import Overrides, cells_of
from attnctl.reports.exchange import rerun_commands
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.exchange_cases import NOW, contents, spec, write_attempt, write_sweep


@pytest.fixture
def written(folder: Path) -> Workspace:
    """Two runs of a sweep, one of which has not ended well."""
    workspace = Workspace(folder)
    write_attempt(workspace, spec(), 1, {10: 80.0, 40: 90.0}, nonce="a", checkpoint=40)
    write_attempt(workspace, spec(seed=1), 1, {10: 70.0}, nonce="b", outcome="error", checkpoint=10)
    write_sweep(workspace, "first", [spec(), spec(seed=1)])
    return workspace


def unpack(file: Path, into: Path) -> Path:
    with tarfile.open(file) as tar:
        tar.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder


def test_a_real_sweep_is_packed_checked_looked_at_and_merged(
    trained: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert attnctl("archive", "first", "-o", "first.tar.gz").code == 0
    checked = attnctl("archive", "--check", "first.tar.gz")
    assert (checked.code, "of 2 runs, all as they were packed" in checked.out) == (0, True)
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


def test_the_same_runs_give_the_same_bytes(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(written.root, other)
    attnctl("archive", "first", "-o", "one.tar.gz")
    attnctl("--workspace", str(other), "archive", "first", "-o", "two.tar.gz")
    assert (written.root / "one.tar.gz").read_bytes() == (written.root / "two.tar.gz").read_bytes()
    with tarfile.open(written.root / "one.tar.gz") as tar:
        assert {(item.mtime, item.uid, item.gid, item.uname, item.mode) for item in tar} == {
            (315532800, 0, 0, "", 0o644)
        }


def test_weights_go_along_only_when_asked_for(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    result = attnctl("archive", "first", "-o", "small.tar.gz")
    assert "not completed: 1 of 2 runs" in result.err
    small = unpack(written.root / "small.tar.gz", tmp_path / "small")
    assert not list(small.rglob("*.pt"))
    digests = json.loads((small / "checkpoints.json").read_bytes())
    assert digests[spec().id]["file"] == "40-1.0.pt"
    attnctl("archive", "first", "-o", "large.tar.gz", "--weights")
    large = unpack(written.root / "large.tar.gz", tmp_path / "large")
    assert sorted(path.name for path in large.rglob("*.pt")) == ["10-1.0.pt", "40-1.0.pt"]
    assert attnctl("archive", "--check", "large.tar.gz").code == 0


def test_all_evidence_is_in_it_and_nothing_else(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    start = written.run(spec().id).attempt(1).incarnation(0)
    start.log(0).write_text("a private path")
    start.rendezvous.write_text("a port")
    write_attempt(written, spec("se"), 1, {10: 1.0}, nonce="c")  # of no sweep
    attnctl("archive", "first", "-o", "a.tar.gz")
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    others = (".pt", "log.0.txt", "rendezvous", "a.tar.gz")
    behind = {
        name: data
        for name, data in contents(written.root).items()
        if not (name.endswith(others) or spec("se").id in name or "tag-c" in name)
    }
    packed = contents(folder)
    assert behind.items() <= packed.items()
    made = {"README.txt", "attnctl.toml", "manifest.json", "table.md", "table.json", "lock.json"}
    assert {name for name in packed if not name.startswith("software")} - behind.keys() == {*made, "checkpoints.json"}


def test_a_papers_table_is_packed_with_the_sweeps_that_asked_for_it(folder: Path, attnctl: Run, tmp_path: Path) -> None:
    command = ["sweep", "--table", "ela:4", "--dataset", "digits", "--name", "four"]
    workspace = Workspace(folder)
    overrides = Overrides(dataset="digits")
    cells = cells_of(load("ela").tables["4"], overrides, ["ResNet18*"])
    specs = [item for cell in cells for item in cell.specs]
    for number, item in enumerate(specs):
        write_attempt(workspace, item, 1, {10: 50.0 + number}, nonce=f"n{number}")
    record = Sweep(
        name="four",
        created=NOW,
        command=command,
        runs=[item.id for item in specs],
        paper="ela",
        table="4",
        overrides=overrides.to_json(),
    )
    write_atomic(workspace.sweep("four"), record.encode())
    assert attnctl("archive", "ela:4", "-o", "four.tar.gz").code == 0
    unpacked = unpack(folder / "four.tar.gz", tmp_path / "unpacked")
    text = (unpacked / "README.txt").read_text()
    assert "attnctl sweep --table ela:4 --dataset digits --name four" in text
    assert "    # ResNet18: none resnet18 digits, run " in text
    assert set(json.loads((unpacked / "lock.json").read_bytes())["runs"]) <= {item.id for item in specs}
    assert sorted(path.name for path in (unpacked / "runs").iterdir()) == sorted(item.id for item in specs)
    assert attnctl("archive", "4", "--paper", "ela", "-o", "same.tar.gz").code == 0


def test_a_locked_report_is_packed_with_its_own_runs(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    assert attnctl("report", "first", "--lock", "frozen.json").code == 0
    frozen = (written.root / "frozen.json").read_bytes()
    assert attnctl("archive", "--lock", "frozen.json", "-o", "a.tar.gz").code == 0
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    assert (folder.name, (folder / "lock.json").read_bytes()) == ("frozen", frozen)
    missing = attnctl("archive", "--lock", "no.json", "-o", "b.tar.gz")
    assert (missing.code, "there is no file no.json" in missing.err) == (2, True)


def test_a_changed_a_missing_and_an_added_file_are_named(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    attnctl("archive", "first", "-o", "a.tar.gz")
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    (folder / "table.md").write_text("better numbers")
    (folder / "software.json").unlink()
    (folder / "more.txt").write_text("x")
    shutil.copy(folder / "runs" / spec(seed=1).id / "spec.json", folder / "runs" / spec().id / "spec.json")
    with tarfile.open(written.root / "b.tar.gz", "w:gz") as tar:
        tar.add(folder, "first")
    result = attnctl("archive", "--check", "b.tar.gz")
    assert result.code == 1
    for words in ("software.json is missing", "more.txt is not in the manifest", "table.md is not what was packed"):
        assert words in result.err
    assert f"is the spec of run {spec(seed=1).id}" in result.err
    faults = json.loads(attnctl("archive", "--check", "b.tar.gz", "--json").out)["faults"]
    assert len(faults) >= 5


def test_what_is_no_whole_archive_is_refused(written: Workspace, attnctl: Run) -> None:
    attnctl("archive", "first", "-o", "a.tar.gz")
    whole = (written.root / "a.tar.gz").read_bytes()
    (written.root / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (written.root / "text.tar.gz").write_text("no tar")
    with tarfile.open(written.root / "other.tar.gz", "w:gz") as tar:
        tar.add(written.root / "sweeps", "sweeps")
    for name in ("half", "text", "other"):
        result = attnctl("archive", "--check", f"{name}.tar.gz")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err


def test_names_that_lead_out_of_the_folder_are_faults(written: Workspace, attnctl: Run) -> None:
    with tarfile.open(written.root / "b.tar.gz", "w:gz") as tar:
        for name in ("first/sweeps/../../up", "/etc/passwd", "other/x"):
            tar.add(written.sweep("first"), name)
        manifest = written.root / "manifest.json"
        manifest.write_text('{"attnctl_archive": 1, "files": {}}')
        tar.add(manifest, "first/manifest.json")
    assert attnctl("archive", "--check", "b.tar.gz").err.count("is no file in the archive's folder") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "into which file?"),
        (["first"], "into which file?"),
        (["first", "-o", "a.zip"], "an archive's name ends in .tar.gz"),
        (["-o", "a.tar.gz"], "what is to be packed?"),
        (["firts", "-o", "a.tar.gz"], "did you mean 'first'"),
        (["ela:99", "-o", "a.tar.gz"], "ELA has no table '99'"),
        (["ela:4", "-o", "a.tar.gz"], "there is nothing to pack"),
        (["first", "--check", "a.tar.gz"], "give nothing to pack with it"),
        (["--check", "no.tar.gz"], "there is no file 'no.tar.gz'"),
        (["first", "-o", "there.tar.gz"], "--force replaces it"),
    ],
)
def test_a_request_that_cannot_be_says_why(words: list[str], said: str, written: Workspace, attnctl: Run) -> None:
    (written.root / "there.tar.gz").write_text("mine")
    attnctl("status")
    before = listing(written.root)
    result = attnctl("archive", *words)
    assert (result.code, said in result.err) == (2, True), result.err
    assert listing(written.root) == before


CELLS: dict[str, dict[str, Any]] = {
    "plain": {"modules": ("none",)},
    "hyperparameters": {"modules": ("ela",), "hyperparameters": {"kernel": ("5",), "groups": ("c/8",)}},
    "a list as a value": {
        "modules": ("sn",),
        "hyperparameters": {"norms": ("in", "ln")},
        "placements": ("replace:norms",),
    },
    "a recipe": {"modules": ("se",), "overrides": {"lr": ("0.05",), "schedule": ("cosine",), "epochs": ("7",)}},
    "another recipe": {"modules": ("se",), "recipe": "cifar", "overrides": {"batch": ("64",), "norm_batch": ("32",)}},
    "seeds": {"modules": ("cbam",), "seeds": ("3", "1")},
    "a network": {"modules": ("eca",), "backbones": ("resnet50",), "datasets": ("imagenet",)},
}


@pytest.mark.parametrize("axes", CELLS.values(), ids=CELLS)
def test_the_command_of_a_run_asks_for_just_that_run(axes: dict[str, Any], folder: Path, attnctl: Run) -> None:
    found = expand(Axes(**axes))
    assert found.specs, found.invalid
    commands = rerun_commands.commands(found.specs, folder / "sources", "sources", {})
    assert sum(len(item.runs) for item in commands) == len(found.specs)
    for item in commands:
        words = shlex.split(item.command)[1:]
        planned = attnctl(*words, "--run-on", "local", "--device", "cpu", "--dry-run", "--json")
        if planned.code == 2 and "is not whole" in planned.err:  # imagenet's files are not here: so far it is right
            continue
        assert planned.code == 0, planned.err
        assert {run["id"] for run in json.loads(planned.out)["runs"]} == set(item.runs)


def test_a_users_own_module_is_trained_again_from_the_archive(
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


def test_a_run_that_starts_from_another_brings_that_too(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    child = dataclasses.replace(spec("se"), init=f"run:{spec().id}")
    write_attempt(written, child, 1, {10: 50.0}, nonce="c")
    write_sweep(written, "child", [child])
    assert attnctl("archive", "child", "-o", "a.tar.gz").code == 0
    folder = unpack(written.root / "a.tar.gz", tmp_path / "unpacked")
    assert {path.name for path in (folder / "runs").iterdir()} == {child.id, spec().id}
    assert f"--init {spec().id}" in (folder / "README.txt").read_text()
    lost = dataclasses.replace(spec("se"), init="run:0123456789abcdef")
    write_attempt(written, lost, 1, {10: 50.0}, nonce="d")
    write_sweep(written, "lost", [lost])
    refused = attnctl("archive", "lost", "-o", "b.tar.gz")
    assert (refused.code, "a run behind the table is missing" in refused.err) == (2, True)


def test_tar_itself_reads_it(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
    attnctl("archive", "first", "-o", "a.tar.gz")
    tar = shutil.which("tar", path="/usr/bin:/bin")
    if tar is None:
        pytest.skip("there is no tar here")
    words, environment = [tar, "-tzf", "a.tar.gz"], {"PATH": "/usr/bin:/bin"}
    names = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert names[-1] == "first/manifest.json"
    assert names[:-1] == sorted(names[:-1])
