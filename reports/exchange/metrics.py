"""Runs with their metrics as text: CSV in long form, a value a line, and JSON."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterable
from typing import Any, NamedTuple, TextIO

from attnctl.lifecycle.run_history import RunHistory, StepValues
from attnctl.lifecycle.usage import Usage
from attnctl.reports.csv_cells import protected

COLUMNS = ("run", "label", "module", "backbone", "dataset", "seed", "step", "epoch", "name", "value", "attempt")
"""Of the CSV. label: the module with its hyperparameters; attempt: which one measured the value."""


class Values(NamedTuple):
    """The values of a run. run: its fields in COLUMNS; rows: step, epoch, name, value and attempt, by step and name."""

    run: tuple[str | int, ...]
    rows: Iterable[tuple[int, int, str, float, int]]


def values_of(history: RunHistory) -> Values:
    """The values of a run that was read from its folder."""
    spec = history.spec
    return Values(
        (spec.id, spec.label(), spec.module, spec.network, spec.dataset, spec.seed),
        (
            (item.step, item.epoch, name, value, item.tokens[name][0])
            for item in history.steps
            for name, value in sorted(item.values.items())
        ),
    )


def write_csv(stream: TextIO, runs: Iterable[Values]) -> None:
    """Write a line for each value, by run, step and name. A number has all its digits."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for values in runs:
        run = tuple(map(protected, values.run))
        writer.writerows(
            (*run, step, epoch, protected(name), repr(value), attempt)
            for step, epoch, name, value, attempt in values.rows
        )


def write_json(stream: TextIO, histories: Iterable[RunHistory]) -> None:
    """Write one object with a list `runs`, a run a line."""
    stream.write('{"runs": [')
    for number, history in enumerate(histories):
        stream.write(",\n" if number else "\n")
        stream.write(json.dumps(document(history), allow_nan=False))
    stream.write("\n]}\n")


def document(history: RunHistory) -> dict[str, Any]:
    """A run as JSON values. Times are Unix seconds; used: by each start; last, best: the metrics of that epoch."""
    results, spec = history.results, history.spec
    return {
        "id": spec.id,
        "label": spec.label(),
        "spec": spec.to_json(),
        "state": str(history.verdict.state),
        "reason": history.verdict.reason,
        "since": history.verdict.since,
        "problems": list(history.problems),
        **{name: history.logged(name) for name in ("params", "macs", "device", "node")},
        "used": [_used(item) for item in history.usage],
        "last": {"epoch": results.epoch, "values": results.last},
        "best": {"epoch": results.best_epoch, "values": results.best},
        "metrics": [_step(item) for item in history.steps],
    }


def _used(item: Usage) -> dict[str, Any]:
    """What a start used, as `attnctl.lifecycle.usage` describes it."""
    return {name: value for name, value in dataclasses.asdict(item).items() if value not in (None, {})}


def _step(item: StepValues) -> dict[str, Any]:
    return {
        "step": item.step,
        "epoch": item.epoch,
        "at": item.at,
        "values": dict(item.values),
        "attempts": {name: token[0] for name, token in item.tokens.items()},
    }
