"""What a sweep will do with each run, decided from the run folders; nothing is written."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from attnctl.lifecycle.state import State, Verdict
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.workspace.layout import Workspace


class Action(StrEnum):
    """What a sweep does with a run."""

    NEW = "new"
    DONE = "done"
    QUEUED = "queued"
    CONTINUES = "will continue"
    RETRIED = "will be retried"
    FAILED = "failed"

    @property
    def starts(self) -> bool:
        """Whether the run is submitted."""
        return self in {Action.NEW, Action.CONTINUES, Action.RETRIED}


@dataclass(frozen=True)
class Planned:
    """One run of the request. verdict: of its newest attempt, if there is one."""

    spec: RunSpec
    action: Action
    verdict: Verdict | None = None

    @property
    def reason(self) -> str:
        """Its last known state, and why."""
        if self.verdict is None:
            return ""
        return f"{self.verdict.state}: {self.verdict.reason}" if self.verdict.reason else str(self.verdict.state)


def plan(
    workspace: Workspace,
    specs: Sequence[RunSpec],
    *,
    retry_failed: bool,
    known: Mapping[str, Verdict] | None = None,
) -> list[Planned]:
    """The plan, in the order of the request.

    The index spares reading a run whose folder has not changed since; it is taken as it is, and never made.
    known: what a refreshed index proves, if the caller has one.
    """
    if not specs:
        return []
    from attnctl.lifecycle.evidence import newest_verdict
    from attnctl.workspace import submissions

    there = set(workspace.run_ids())
    if known is None:
        known = _settled(workspace, [spec.id for spec in specs if spec.id in there])
    head_of = submissions.cached_heads(workspace)
    planned = []
    for spec in specs:
        verdict = known.get(spec.id) if spec.id in there else None
        if verdict is None and spec.id in there:
            verdict = newest_verdict(workspace, spec.id, head_of)
        planned.append(Planned(spec, _action(verdict, retry_failed=retry_failed), verdict))
    return planned


def _settled(workspace: Workspace, ids: Sequence[str]) -> Mapping[str, Verdict]:
    """The states that the index proves; empty without a readable index, since the folders can be read instead."""
    from attnctl.db import location, open_index
    from attnctl.db.store import StoreError

    if ids and location(workspace).exists():
        with contextlib.suppress(StoreError), open_index(workspace) as index:
            return index.settled(ids)
    return {}


def planned_again(
    workspace: Workspace, planned: Sequence[Planned], runs: Collection[str], *, retry_failed: bool
) -> list[Planned]:
    """The plan with the present states of these runs; the others are not read again."""
    found = plan(workspace, [item.spec for item in planned if item.spec.id in runs], retry_failed=retry_failed)
    now = {item.spec.id: item for item in found}
    return [now.get(item.spec.id, item) for item in planned]


def counts(planned: Sequence[Planned]) -> Mapping[Action, int]:
    """How many runs of each kind, without the kinds of which there are none."""
    found = {action: sum(item.action is action for item in planned) for action in Action}
    return {action: number for action, number in found.items() if number}


def summary(planned: Sequence[Planned]) -> str:
    """In words: `4 runs: 2 new, 2 done`."""
    return f"{quantity(len(planned), 'run')}: " + ", ".join(
        f"{number} {action}" for action, number in counts(planned).items()
    )


def _action(verdict: Verdict | None, *, retry_failed: bool) -> Action:
    if verdict is None:
        return Action.NEW
    if verdict.state is State.COMPLETED:
        return Action.DONE
    if verdict.state.active:
        return Action.QUEUED
    if verdict.state.failed:
        return Action.RETRIED if retry_failed else Action.FAILED
    return Action.CONTINUES


def in_json(spec: RunSpec) -> dict[str, Any]:
    """What a run is, for JSON."""
    return {
        "id": spec.id,
        "label": spec.label(),
        "module": spec.module,
        "hyperparameters": dict(spec.hyperparameters),
        "model": spec.model,
        "backbone": spec.backbone,
        "placement": spec.placement,
        "dataset": spec.dataset,
        "seed": spec.seed,
        "recipe": dict(vars(spec.recipe)),
    }
