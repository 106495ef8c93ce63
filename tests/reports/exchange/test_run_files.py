"""Which files of a workspace belong to runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import Packing
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Trial
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import contents, spec, write_attempt, write_sweep
from tests.reports.exchange.unpacked import unpack


def test_weights_are_packed_only_on_request(written: Workspace, attnctl: Run, tmp_path: Path) -> None:
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
    trial = Trial(at=1.0, spec=spec().to_json(), host="n1", device="cpu", threads=2, world=1, images_per_s=500.0)
    write_atomic(written.trial(spec().id, trial), trial.encode())
    packing.write(written, "a", Packing(number=2, asked=4, gains=[1.8], reason="", device="cpu", at=1.0))
    attnctl("archive", "first", "--scripts", "-o", "a.tar.gz")
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
