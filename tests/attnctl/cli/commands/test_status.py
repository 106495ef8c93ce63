"""`attnctl status`: the runs of a workspace and their states."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnctl.cli.commands.status import expected_starts
from attnctl.cli.refresh import Snapshot
from attnctl.db import open_index
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.lifecycle import packing
from attnctl.lifecycle.packing import Packing
from attnctl.units import slurm_time
from attnctl.workspace.records import Resources, Submission
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.past_runs import Past
from tests.fixtures.fake_slurm import Fake


def test_a_status_of_nothing_writes_nothing(attnctl: Run, folder: Path) -> None:
    assert attnctl("status").out == "0 runs\n"
    nothing: dict[str, Any] = {"runs": [], "unavailable": None, "expected_start": None, "shared_jobs": []}
    assert json.loads(attnctl("status", "--json").out) == nothing
    assert listing(folder) == []


def test_a_node_that_cannot_open_logs_is_told_once(past: Past, attnctl: Run) -> None:
    for spec in past.specs(3):
        past.attempt(spec, "FAILED", exit_code="0:53")
    out = " ".join(attnctl("status").out.split())
    assert out.count(f"node1 could not open the job's log in {past.root}") == 1
    assert out.endswith("3 runs: 3 launch failed")


def test_slurm_is_asked_for_expected_starts_only_if_a_run_waits(past: Past, fake: Fake) -> None:
    soon = float(int(time.time()) + 600)
    fake.says("squeue", f"7_0|{slurm_time(soon)}\n")
    (spec,) = past.specs(1)
    past.attempt(spec, "PENDING", ago=60.0)
    with open_index(past.config.workspace) as index:
        index.refresh()
        waiting = Snapshot(index.runs(), None, time.time())
    assert [row.state for row in waiting.rows] == ["queued"]
    assert expected_starts(waiting) == [soon]
    assert fake.calls("squeue") == ["--start --noheader --format=%i|%S --jobs=7"]
    assert expected_starts(Snapshot([], None, time.time())) == []
    assert expected_starts(Snapshot(waiting.rows, "SLURM does not answer", time.time())) == []
    assert len(fake.calls("squeue")) == 1


def test_how_many_runs_train_together_is_told_of_runs_that_share_jobs(past: Past, attnctl: Run) -> None:
    workspace, specs = past.config.workspace, past.specs(4)
    for spec, options in zip(specs, ({"runs_per_gpu": "auto"}, {"runs_per_gpu": "auto"}, {}, None), strict=True):
        past.attempt(spec, "RUNNING", ago=60.0, began=1, where="slurm", options=options)
        record = Submission.read(path := workspace.submission(f"attnctl-{spec.id}-1"))
        assert record is not None
        write_atomic(path, replace(record, runs_per_job=0 if options is None else 2).encode())
    told = " ".join(attnctl("status").out.split())
    assert "2 runs share jobs, up to 2 at a time; the best number is not measured yet 1 run shares jobs" in told
    fields: dict[str, Any] = {"number": 2, "asked": 2, "gains": [1.8], "reason": "the job has no more places"}
    packing.write(workspace, packing.key(specs[0], Resources()), Packing(device="cpu", at=1.0, **fields))
    told = " ".join(attnctl("status").out.split())
    assert "2 runs share jobs: 2 at a time on cpu: gains x1.80; the job has no more places" in told
    assert "1 run shares jobs, up to 2 at a time" in told
    past.sweep("one", specs[:1])
    shared = json.loads(attnctl("status", "one", "--json").out)["shared_jobs"]
    assert [(item["runs"], item["places"], item["measured"]["number"]) for item in shared] == [([specs[0].id], 2, 2)]


def test_rows_that_differ_only_in_recipe_fields_show_them(past: Past, attnctl: Run) -> None:
    overrides = {"batch": ("128",), "norm_batch": ("32",), "lr": ("0.1", "0.01")}
    for spec in expand(Axes(modules=("se",), overrides=overrides)).specs:
        past.attempt(spec, "COMPLETED")
    past.attempt(expand(Axes(modules=("ela",), overrides={**overrides, "lr": ("0.1",)})).specs[0], "COMPLETED")
    lines = attnctl("status").out.splitlines()
    shown = sorted(word for line in lines if " se " in line for word in line.split() if word.startswith("lr="))
    assert shown == ["lr=0.01", "lr=0.1"]
    assert not any("lr=" in line for line in lines if " ela " in line)
