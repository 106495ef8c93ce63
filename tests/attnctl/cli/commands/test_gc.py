"""`attnctl gc`: which files go and which stay."""

from __future__ import annotations

import json
import os
import time

import pytest

from attnctl.files import write_atomic
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.finished_runs import completed, good
from tests.attnctl.cli.past_runs import Past


def test_checkpoints_are_deleted_by_rule_except_those_of_active_runs(past: Past, attnctl: Run) -> None:
    done, broken, active = past.specs(3)
    completed(past, done)
    past.attempt(broken, "PREEMPTED")
    past.attempt(active, "RUNNING")
    files = {spec: [good(past, spec, step) for step in (10, 20, 30, 40)] for spec in (done, broken, active)}
    files[broken][3].write_bytes(b"half of one")  # the newest is damaged: the two newest good ones count
    would = json.loads(attnctl("gc", "--dry-run", "--json").out)["files"]
    assert all(path.exists() for paths in files.values() for path in paths)
    gone = json.loads(attnctl("gc", "--json").out)["files"]
    assert gone == would
    assert [path.exists() for path in files[done]] == [False, False, False, True]
    assert [path.exists() for path in files[broken]] == [False, True, True, False]
    assert all(path.exists() for path in files[active])
    assert json.loads(attnctl("gc", "--json").out)["files"] == []
    assert attnctl("gc", "--keep", "0").out.startswith(str(files[done][3]))
    assert not files[done][3].exists()


def test_a_run_without_a_valid_checkpoint_keeps_its_files(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    kept = [past.checkpoint(spec, f"{step}-1.0.pt") for step in (1, 2, 3)]
    assert "0 files" in attnctl("gc").out
    assert all(path.exists() for path in kept)


def test_leftovers_of_killed_writers_go_when_they_are_old(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "PREEMPTED")
    workspace = past.config.workspace
    run = workspace.run(spec.id)
    aside = "." + "x.json." + "0" * 32
    old = [run.checkpoints / aside, run.attempt(1).path / aside, workspace.submissions / aside, run.path / aside]
    new = workspace.sweeps / aside
    other = run.path / ".mine"
    for path in (*old, new, other):
        write_atomic(path, b"half")
    removed = workspace.runs / f".{spec.id}.removed-{'0' * 8}"
    (removed / "attempts").mkdir(parents=True)
    for path in (*old, removed, other):
        os.utime(path, (time.time() - 7200,) * 2)
    attnctl("gc")
    assert not any(path.exists() for path in (*old, removed))
    assert new.exists()
    assert other.exists()


@pytest.mark.parametrize("words", [["--keep", "-1"], ["--keep", "x"], ["--keep-unfinished", "0"], ["more"]])
def test_gc_refuses_an_invalid_number(past: Past, attnctl: Run, words: list[str]) -> None:
    result = attnctl("gc", *words)
    assert (result.code, result.out) == (2, "")
