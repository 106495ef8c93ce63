"""Sweeps, measured speeds and trials are merged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnctl import datasets
from attnctl.datasets import own
from attnctl.files import write_atomic
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import Packing
from attnctl.merge import records
from attnctl.merge.plan import check
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Search, Speed, Sweep, Trial
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, spec, write_attempt, write_sweep
from tests.attnctl.merge.merged import merge
from tests.fixtures.image_folder import flowers

SECRET = '{"id": "a secret"}'
NOBODY = 65534


def test_another_sweep_with_the_same_name_is_renamed_and_a_grown_one_is_extended(
    two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    ours, theirs = two
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b")
    write_sweep(ours, "first", [], created=NOW + 1)
    write_sweep(theirs, "first", [spec()])
    write_sweep(ours, "second", [spec()])
    write_sweep(theirs, "second", [spec(seed=1)])
    result = attnctl("merge", "../other")
    assert "  sweep first, as first-" in result.out
    names = sorted(path.stem for path in ours.sweeps.iterdir())
    assert (names[0], names[2], len(names)) == ("first", "second", 3)
    grown = Sweep.read(ours.sweep("second"))
    assert grown is not None
    assert grown.runs == [spec().id, spec(seed=1).id]
    assert attnctl("merge", "../other").out == "2 runs: 2 there already\n"


def test_a_search_that_grew_in_both_workspaces_has_the_samples_of_both(two: tuple[Workspace, Workspace]) -> None:
    first = Search(method="random", samples=4, seed=0, ranges={"lr": "log:0.001..0.1"})
    for workspace, run, search in (
        (two[0], "a", first),
        (two[1], "b", replace(first, samples=8, ranges={**first.ranges, "ela.kernel": "int:3..9"})),
    ):
        record = Sweep(name="mine", created=NOW, command=["sweep"], runs=[run], search=search)
        write_atomic(workspace.sweep("mine"), record.encode())
    changes, broken = records.sweeps(*two)
    assert broken == {}
    (merged,) = [change.record for change in changes if change.record.name == "mine"]
    assert merged.runs == ["a", "b"]
    assert merged.search == replace(first, samples=8, ranges={"lr": "log:0.001..0.1", "ela.kernel": "int:3..9"})


UP = "../../../planted"


def test_a_name_that_leads_out_of_the_workspace_is_no_record(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    """The tag and the sweep come from somebody else, who has put a file where they lead from there."""
    ours, theirs = two
    top = theirs.root.parent.parent
    write_attempt(theirs, spec(), 1, {10: 1.0}, nonce="a")
    write_attempt(theirs, spec(seed=1), 1, {10: 1.0}, nonce="b")
    attempt = theirs.run(spec().id).attempt(1)
    request = json.loads(attempt.request.read_bytes()) | {"tag": UP}
    attempt.request.write_text(json.dumps(request))
    planted = theirs.submission(UP)
    planted.write_bytes(theirs.submission("tag-a").read_bytes())
    theirs.sweeps.mkdir()
    for name, record in {
        "up": Sweep(name=UP, created=NOW, command=[], runs=[spec().id]),
        "runs": Sweep(name="runs", created=NOW, command=[], runs=[f"../{UP}"]),
    }.items():
        theirs.sweep(name).write_bytes(record.encode())
    before = {path for path in top.rglob("*") if not path.is_relative_to(ours.root)}
    result = attnctl("merge", str(theirs.root))
    assert (result.code, result.out) == (1, "2 runs: 1 new, 1 broken\n")
    assert f"{attempt.request} is not a Request record: {UP!r} cannot be the name of a file" in result.err
    assert f"{theirs.sweep('up')} is not a Sweep record: {UP!r} cannot be the name of a file" in result.err
    assert f"{theirs.sweep('runs')} is not a Sweep record" in result.err
    assert {path for path in top.rglob("*") if not path.is_relative_to(ours.root)} == before
    assert sorted(path.name for path in ours.runs.iterdir()) == [spec(seed=1).id]
    assert not ours.sweeps.exists()


def test_links_in_another_workspace_are_named_and_what_they_lead_to_stays_there(
    two: tuple[Workspace, Workspace], attnctl: Run, tmp_path: Path
) -> None:
    """Their owner, another user, cannot read the secret; who merges can."""
    ours, theirs = two
    secret = tmp_path / "keys"
    secret.mkdir(mode=0o700)
    (secret / "id.json").write_text(SECRET)
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    write_attempt(theirs, spec(), 1, {10: 1.0}, nonce="a", checkpoint=10)
    write_attempt(ours, spec(seed=1), 1, {10: 1.0}, nonce="b", outcome="preempted")
    shutil.copytree(ours.root, theirs.root, dirs_exist_ok=True)
    write_attempt(theirs, spec(seed=1), 2, {20: 1.0}, nonce="c", created=NOW + 50)
    linked = [
        theirs.run(spec().id).detections,
        theirs.run(spec().id).attempt(1).path / "notes",
        theirs.run(spec().id).attempt(1).incarnation(0).log(0),
        theirs.run(spec().id).checkpoints / "20-1.0.pt",
        theirs.run(spec(seed=1).id).attempt(2).incarnation(0).log(0),
        theirs.run(spec(seed=1).id).checkpoints / "20-2.0.pt",
        theirs.imports_folder / "id.json",
        theirs.weights(digest),
        theirs.sources / "0123456789abcdef" / "mine.py",
        theirs.sources / "fedcba9876543210",
        theirs.submission_logs("tag-a"),
        theirs.sweep("mine"),
    ]
    for path in linked:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.name in {"notes", "fedcba9876543210", "tag-a.logs"}
        path.symlink_to(secret if folder else secret / "id.json")
        if os.getuid() == 0:
            os.lchown(path, NOBODY, NOBODY)
    fifo = theirs.run(spec().id).attempt(1).path / "fifo"
    os.mkfifo(fifo)
    result = attnctl("merge", str(theirs.root))
    extended = f"  {spec(seed=1).id}: attempt 2 added\n"
    assert (result.code, result.out) == (0, f"2 runs: 1 new, 1 with more attempts\n{extended}")
    told = {f"left out: {path} is a symbolic link; only regular files are copied" for path in linked}
    told.add(f"left out: {fifo} is not a regular file; only regular files are copied")
    assert set(result.err.splitlines()) == told
    copied = [path for path in ours.root.rglob("*") if "attnctl.sqlite" not in path.name]
    assert not [path for path in copied if path.is_symlink()]
    assert not [path for path in copied if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert (ours.run(spec().id).checkpoints / "10-1.0.pt").is_file()
    assert json.loads(attnctl("merge", str(theirs.root), "--json").out)["links"]


@pytest.mark.parametrize("kind", ["spec", "request", "attempt", "attempts", "run"])
def test_a_run_whose_records_are_links_is_left_out(
    kind: str, two: tuple[Workspace, Workspace], attnctl: Run, tmp_path: Path
) -> None:
    ours, theirs = two
    write_attempt(theirs, spec(), 1, {10: 1.0}, nonce="a")
    run = theirs.run(spec().id)
    attempt = run.attempt(1)
    path = {"spec": run.spec, "request": attempt.request, "attempt": attempt.path, "attempts": run.attempts_folder}.get(
        kind, run.path
    )
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    result = attnctl("merge", str(theirs.root))
    assert (result.code, result.out) == (1, "1 run: 1 broken\n")
    assert f"{path} is a symbolic link; only regular files are merged" in result.err
    assert not list(ours.runs.iterdir())


def test_of_two_measurements_the_newer_is_kept(two: tuple[Workspace, Workspace]) -> None:
    def speed(at: float) -> Speed:
        fields: dict[str, Any] = {
            "device": "cpu",
            "module": "ela",
            "hyperparameters": {},
            "backbone": "resnet20",
            "placement": "block",
        }
        more: dict[str, Any] = {
            "dataset": "digits",
            "input_size": 8,
            "batch": 1,
            "precision": "fp32",
            "compiled": False,
        }
        return Speed(at=at, seconds=at, spread=0.0, plain_seconds=1.0, **fields, **more)

    for workspace, at in zip(two, (2.0, 3.0), strict=True):
        write_atomic(workspace.speed(speed(at)), speed(at).encode())
    merge(*two)
    merge(two[1], two[0])
    assert [item.at for workspace in two for item in workspace.speeds()] == [3.0, 3.0]


def test_trials_are_merged_and_of_two_the_newer_is_kept(two: tuple[Workspace, Workspace]) -> None:
    def write(workspace: Workspace, seed: int, at: float) -> None:
        measured: dict[str, Any] = {"host": "n1", "device": "cpu", "threads": 2, "world": 1, "images_per_s": at}
        trial = Trial(at=at, spec=spec(seed=seed).to_json(), **measured)
        write_atomic(workspace.trial(spec(seed=seed).id, trial), trial.encode())

    ours, theirs = two
    write(ours, 0, 2.0)
    write(theirs, 0, 3.0)
    write(theirs, 1, 4.0)
    write_atomic(theirs.trials_folder / "damaged.json", b"{")
    write_atomic(theirs.trials_folder / "tag" / "request.json", b"{}")
    (theirs.trials_folder / "link.json").symlink_to("damaged.json")
    merge(*two)
    merge(theirs, ours)
    assert [[item.at for item in workspace.trials()] for workspace in two] == [[3.0, 4.0], [3.0, 4.0]]
    assert len(list(ours.trials_folder.iterdir())) == 2, "only readable records are copied"


def test_how_many_runs_share_a_job_is_merged_unless_it_was_measured_here_later_or_on_another_device(
    two: tuple[Workspace, Workspace],
) -> None:
    ours, theirs = two

    def write(workspace: Workspace, name: str, number: int, at: float, device: str = "cpu") -> None:
        record = Packing(number=number, asked=4, gains=[], reason="one more does not pay", device=device, at=at)
        packing.write(workspace, name, record)

    write(theirs, "new", 2, 1.0)
    for name, our_time, their_device in (("older", 1.0, "cpu"), ("later", 9.0, "cpu"), ("elsewhere", 1.0, "H200")):
        write(ours, name, 1, our_time)
        write(theirs, name, 3, 5.0, their_device)
    write_atomic(theirs.packing("damaged"), b"{")
    theirs.packing("linked").symlink_to(theirs.packing("new"))
    merge(ours, theirs)
    kept = {path.stem: packing.read(ours, path.stem) for path in ours.packing_folder.iterdir()}
    numbers = {name: record.number for name, record in kept.items() if record is not None}
    assert numbers == {"new": 2, "older": 3, "later": 1, "elsewhere": 1}
    assert len(kept) == 4


def test_a_workspace_with_trials_alone_is_merged(two: tuple[Workspace, Workspace], tmp_path: Path) -> None:
    other = Workspace(tmp_path / "tried")
    other.trials_folder.mkdir(parents=True)
    check(two[0], other)


def test_records_of_own_data_sets_are_merged_but_no_damaged_ones_or_links(
    two: tuple[Workspace, Workspace], tmp_path: Path
) -> None:
    ours, theirs = two
    names = [datasets.describe(str(flowers(tmp_path / name))).name for name in ("flowers", "trees", "birds")]
    own.keep(names, theirs.datasets, 0o600)
    kept, damaged, linked = (own.record_path(theirs.datasets, name) for name in names)
    damaged.write_text("{}")
    linked.rename(tmp_path / "elsewhere.json")
    linked.symlink_to(tmp_path / "elsewhere.json")
    records.contents(ours, theirs)
    assert [path.name for path in ours.datasets.iterdir()] == [kept.name]
    assert own.record_path(ours.datasets, names[0]).read_bytes() == kept.read_bytes()
