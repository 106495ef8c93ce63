"""The one fold of events: read whole, read on, and read from both ends, it comes to the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attnctl.db import schema
from attnctl.lifecycle.run_reader import MACHINE
from attnctl.workspace import events
from attnctl.workspace.events import Evaluation, Log, Summary, read_ends
from attnctl.workspace.layout import Incarnation
from tests.attnctl.cli.past_runs import Past

EVENTS: list[dict[str, Any]] = [
    {"kind": "model", "t": 1.0, "params": 7, "macs": 8, "steps": 40, "world": 2, "threads": 1, "device": "cpu"},
    {"kind": "resumed", "t": 2.0, "step": 10, "path": "checkpoints/10-1.0.pt"},
    {"kind": "restarted", "t": 2.5, "lost": 30},
    {"kind": "progress", "t": 3.0, "step": 15, "loss": 2.5, "images_per_s": 100, "waited": 0.25, "cores": 3.5},
    {"kind": "checkpoint", "t": 4.0, "step": 20, "seconds": 0.1, "bytes": 9},
    {"kind": "metrics", "t": 5.0, "step": 20, "epoch": 2, "values": {"top1": 50.0, "images_per_s": 90.0, "x": "y"}},
    {"kind": "weather", "t": 6.0, "sun": True},
    {"kind": "end", "t": 7.0, "outcome": "preempted"},
]
COME_TO = Summary(
    started=1.0,
    heartbeat=7.0,
    began=10,
    lost=30,
    step=20,
    steps=40,
    saved=20,
    saved_at=4.0,
    loss=2.5,
    images_per_s=90.0,
    waited=0.25,
    cores=3.5,
    params=7,
    macs=8,
    world=2,
    device="cpu",
    threads=1,
    outcome="preempted",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of all kinds of events."""
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    return path


def test_events_are_folded_into_a_summary_and_evaluations(path: Path) -> None:
    log = Log()
    assert list(events.read(path, log)) == [[Evaluation(20, 2, {"top1": 50.0, "images_per_s": 90.0}, 5.0)]]
    assert log.summary == COME_TO


def test_reading_a_log_line_by_line_gives_the_same_summary(path: Path) -> None:
    data, log, measured = path.read_bytes(), Log(), []
    for end in range(len(data) + 1):
        path.write_bytes(data[:end])
        measured += [item for found in events.read(path, log) for item in found]
    assert log.summary == COME_TO
    assert [item.epoch for item in measured] == [2]
    assert log.offset == len(data)


def test_a_short_log_is_the_same_from_both_ends(path: Path, tmp_path: Path) -> None:
    assert read_ends(path) == COME_TO
    assert read_ends(tmp_path / "missing.jsonl") == read_ends(tmp_path) == Summary()


def test_a_replaced_log_is_detected(path: Path) -> None:
    log = Log()
    list(events.read(path, log))
    path.write_text(path.read_text().replace("preempted", "completed"))
    with pytest.raises(events.Replaced):
        list(events.read(path, log))
    path.write_text("")
    with pytest.raises(events.Replaced):
        list(events.read(path, log))


@pytest.mark.parametrize("value", [None, "7", True, [1], {"a": 1}, float("inf"), 1 << 70])
def test_a_value_of_a_wrong_type_is_ignored(value: Any) -> None:
    summary = Summary()
    for event in EVENTS:
        summary.take({"kind": event["kind"]} | {name: value for name in event if name != "kind"})
    assert summary in (Summary(), Summary(device="7", outcome="7"))


def test_every_stored_field_has_a_column(path: Path) -> None:
    keys = {"run", "attempt", "incarnation", "offset", "tail"}
    assert {*events.COLUMNS, *MACHINE} == set(schema.incarnation.c.keys()) - keys
    log = Log(machine={"node": "n1"})
    list(events.read(path, log))
    assert log.columns().keys() == {*events.COLUMNS, "node"}
    assert Log().columns() == {}


def test_a_long_log_is_read_from_both_ends(past: Past) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING", began=5)
    incarnation: Incarnation = past.config.workspace.run(spec.id).attempt(1).incarnation(0)
    lines = [json.dumps({"kind": "model", "t": 1.0, "steps": 9000}), json.dumps({"kind": "resumed", "t": 2, "step": 5})]
    for step in range(6, 8000):
        kind = "checkpoint" if step % 1000 == 0 else "progress"
        lines.append(json.dumps({"kind": kind, "t": 2.0 + step, "step": step, "images_per_s": 3.0}))
    incarnation.events.write_text("\n".join(lines) + '\n{"kind": "prog')  # torn, as a kill leaves it
    log = read_ends(incarnation.events)
    assert (log.began, log.step, log.steps, log.saved, log.saved_at) == (5, 7999, 9000, 7000, 7002.0)
    assert (log.started, log.heartbeat, log.images_per_s) == (1.0, 8001.0, 3.0)


def test_the_event_of_a_checkpoint_that_was_written_meanwhile_does_not_set_the_step_back() -> None:
    summary = Summary()
    summary.take({"kind": "progress", "t": 1.0, "step": 9})
    summary.take({"kind": "checkpoint", "t": 2.0, "step": 7})
    assert (summary.step, summary.saved, summary.saved_at) == (9, 7, 2.0)
    summary.take({"kind": "checkpoint", "t": 3.0, "step": 12})
    assert (summary.step, summary.saved) == (12, 12)
