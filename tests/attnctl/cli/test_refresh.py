"""How runs stand at one moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attnctl.cli import refresh
from attnctl.cli.refresh import row_json, seconds_left, take, until_all_end
from attnctl.db import RunRow, open_index
from attnctl.lifecycle.packing import Sharing
from attnctl.lifecycle.state import State
from tests.attnctl.cli.past_runs import Past, left


def rows(past: Past) -> dict[str, RunRow]:
    with open_index(past.config.workspace) as index:
        return {row.id: row for row in take(past.config, index, None).rows}


def test_a_snapshot_counts_the_runs_that_are_under_way(past: Past) -> None:
    active, done = past.specs(2)
    past.attempt(active, "RUNNING")
    past.attempt(done, "COMPLETED", exit=left("completed", step=40))
    with open_index(past.config.workspace) as index:
        now = take(past.config, index, None)
        assert (len(now.rows), now.active) == (2, 1)
        assert [row.id for row in take(past.config, index, [done.id]).rows] == [done.id]


def test_a_narrowed_snapshot_tells_of_shared_jobs_only_with_its_rows(past: Past) -> None:
    first, second = past.specs(2)
    for spec in (first, second):
        past.attempt(spec, "RUNNING")
    with open_index(past.config.workspace) as index:
        now = take(past.config, index, None)
    now = replace(now, sharing=[Sharing(runs=[first.id, second.id], places=2), Sharing(runs=[first.id], places=4)])
    narrow = now.narrowed([row for row in now.rows if row.id == second.id])
    assert [row.id for row in narrow.rows] == [second.id]
    assert narrow.sharing == (Sharing(runs=[second.id], places=2),)


def test_the_index_knows_what_all_runs_have_become_unless_one_is_looked_at_alone(past: Past) -> None:
    one, other = past.specs(2)
    past.attempt(one, "COMPLETED", exit=left("completed", step=40))
    past.attempt(other, "RUNNING")
    with open_index(past.config.workspace) as index:
        take(past.config, index, [one.id], alone=True)
        assert [row.id for row in index.runs()] == [one.id]
        take(past.config, index, [one.id])
        assert {row.id for row in index.runs()} == {one.id, other.id}


def test_the_time_left_is_that_of_the_remaining_images_at_the_present_speed(past: Past) -> None:
    active, done, queued = past.specs(3)
    past.attempt(active, "RUNNING", saved=(19,))  # at step 20 of 40, 128 images/s in batches of 128
    past.attempt(done, "COMPLETED", saved=(39,), exit=left("completed", step=40))
    past.attempt(queued, "PENDING")
    found = rows(past)
    assert seconds_left(found[active.id]) == pytest.approx(20)
    assert seconds_left(found[done.id]) is None
    assert seconds_left(found[queued.id]) is None


def test_a_row_as_json_contains_every_fact_of_the_run(past: Past) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING", saved=(19,))
    found = row_json(rows(past)[spec.id])
    assert (found["id"], found["module"], found["seed"], found["state"]) == (spec.id, "se", 0, State.RUNNING)
    assert (found["step"], found["steps"], found["attempt"], found["job_id"]) == (20, 40, 1, "7_0")


def test_following_ends_when_no_run_is_under_way_and_asks_less_often_while_nothing_changes(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            past.attempt(spec, "COMPLETED", exit=left("completed", step=40))

    monkeypatch.setattr(refresh, "sleep", sleep)
    seen = list(until_all_end(past.config, None))
    assert [now.active for now in seen] == [1, 1, 1, 1, 0]
    assert waits[0] == refresh.SHORTEST
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    assert seen[-1].rows[0].state == State.COMPLETED
