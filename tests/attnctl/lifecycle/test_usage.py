"""What a run used, from the records that its processes left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.lifecycle.usage import Spread, joules_of, of_attempt, of_start
from attnctl.workspace.events import Summary
from attnctl.workspace.layout import Incarnation, RunDir
from attnctl.workspace.records import Exit


def record(rank: int, **used: float) -> Exit:
    return Exit(rank=rank, at=1.0, outcome="completed", used=used)


def log(start: Incarnation, **event: object) -> None:
    """An event log with one progress event."""
    line = json.dumps({"kind": "progress", "t": 1.0, "step": 5, **event}) + "\n"
    write_atomic(start.events, line.encode())


def test_several_ranks_have_a_mean_and_a_most_and_their_energy_is_summed_up() -> None:
    ranks = [
        record(0, waited=0.1, cores=2.0, gpu_busy=0.5, gpu_total=80e9, gpu_joules=100.0, cpu_joules=30.0),
        record(1, waited=0.3, cores=1.0, gpu_busy=0.7, gpu_total=40e9, gpu_joules=50.0),
    ]
    used = of_start(ranks, Summary(waited=0.9))
    assert used.waited is not None
    assert used.gpu_busy is not None
    assert [used.waited.mean, used.waited.most] == pytest.approx([0.2, 0.3])
    assert [used.gpu_busy.mean, used.gpu_busy.most] == pytest.approx([0.6, 0.7])
    assert (used.gpu_total, used.gpu_joules, used.cpu_joules, used.joules) == (40_000_000_000, 150.0, 30.0, 150.0)


def test_a_rank_without_a_record_is_known_from_its_log() -> None:
    alive = Summary(waited=0.25, cores=3.0, used={"gpu_busy": 0.5, "gpu_total": 8e9, "gpu_joules": 7.0})
    used = of_start([], alive)
    assert (used.waited, used.gpu_busy, used.joules) == (Spread(mean=0.25, most=0.25), Spread(mean=0.5, most=0.5), 7.0)
    both = of_start([record(1, gpu_busy=0.75)], alive)
    assert both.gpu_busy == Spread(mean=0.625, most=0.75)


def test_a_run_without_a_gpu_has_the_energy_of_its_nodes_and_none_is_none() -> None:
    assert of_start([record(0, cpu_joules=5.0)], Summary()).joules == 5.0
    assert of_start([record(0, gpu_total=8e9, cpu_joules=5.0)], Summary()).joules is None, "its GPU's is not known"
    nothing = of_start([Exit(rank=0, at=1.0, outcome="error", unread={"gpu_busy": "no driver"})], Summary())
    assert (nothing.waited, nothing.joules, nothing.unread) == (None, None, {"gpu_busy": "no driver"})


def test_numbers_that_no_counter_has_are_left_out() -> None:
    assert of_start([record(0, gpu_busy=-1.0)], Summary(used={"gpu_joules": float("inf")})).gpu_busy is None


def test_the_energy_of_a_run_is_that_of_all_its_starts(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run", tmp_path / "run/checkpoints")
    killed, ended = run.attempt(1).incarnation(0), run.attempt(1).incarnation(1)
    log(killed, used={"cpu_joules": 40.0, "broken": "many"})
    log(ended, used={"cpu_joules": 10.0})
    write_atomic(ended.exit(0), record(0, cpu_joules=11.5).encode())
    again = run.attempt(2).incarnation(0)
    write_atomic(again.exit(0), record(0, cpu_joules=8.5).encode())
    assert [used.joules for used in of_attempt(run.attempt(1))] == [40.0, 11.5]
    assert joules_of(run) == 60.0
    assert joules_of(RunDir(tmp_path / "other", tmp_path)) is None
