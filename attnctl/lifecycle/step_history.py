"""The training loss and speed of a run between its evaluations, from the progress events of its logs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from attnctl.files import read_regular
from attnctl.lifecycle.run_history import RunHistory, StepValues
from attnctl.lifecycle.run_reader import Token
from attnctl.workspace.events import is_integer, is_number
from attnctl.workspace.layout import Incarnation, RunDir
from attnctl.workspace.records import Event, read_events

NAMES = {"loss": "step_loss", "images_per_s": "step_images_per_s"}
"""Key of a progress event -> name of the value."""


def steps(run: RunDir) -> tuple[StepValues, ...]:
    """The recorded steps, ascending, about one every few seconds of training.

    What a start trained after the step from which a later one resumed is left out: the later one trained it again.
    """
    kept: list[StepValues] = []
    for attempt in run.attempts():
        for incarnation in attempt.incarnations():
            began, found = _of_start(incarnation)
            kept = [item for item in kept if item.step <= began] if found else kept
            kept += found
    return tuple(kept)


def with_steps(history: RunHistory, run: RunDir) -> RunHistory:
    """The history with these values beside those of the epochs."""
    merged = {item.step: item for item in steps(run)}
    for item in history.steps:
        other = merged.get(item.step)
        merged[item.step] = (
            item
            if other is None
            else replace(item, values={**other.values, **item.values}, tokens={**other.tokens, **item.tokens})
        )
    return replace(history, steps=tuple(merged[step] for step in sorted(merged)))


def _of_start(incarnation: Incarnation) -> tuple[int, list[StepValues]]:
    """The step that it resumed from, and its steps; none if its log cannot be read."""
    began, per_epoch = 0, 0
    found: list[StepValues] = []
    with contextlib.suppress(OSError):
        for event in read_events(read_regular(incarnation.events)):
            step = event.get("step")
            if event["kind"] == Event.MODEL and is_integer(event.get("steps_per_epoch")):
                per_epoch = event["steps_per_epoch"]
            elif event["kind"] == Event.RESUMED and is_integer(step):
                began = step
            elif event["kind"] == Event.PROGRESS and is_integer(step) and step > (found[-1].step if found else began):
                found += _values(event, step, (step - 1) // per_epoch + 1 if per_epoch > 0 else 0, incarnation.token)
    return began, found


def _values(event: Mapping[str, Any], step: int, epoch: int, token: Token) -> Iterator[StepValues]:
    values = {name: float(event[key]) for key, name in NAMES.items() if is_number(event.get(key))}
    at = float(event["t"]) if is_number(event.get("t")) else None
    if values:
        yield StepValues(step, epoch, at, values, dict.fromkeys(values, token))
