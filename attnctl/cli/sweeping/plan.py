"""What a sweep will do with each run, decided from the run folders; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attnctl.lifecycle.state import State, Verdict
from attnctl.spec import RunSpec
from attnctl.units import quantity
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    pass


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


def plan(workspace: Workspace, specs: Sequence[RunSpec], *, retry_failed: bool) -> list[Planned]:
    """The plan, in the order of the request."""
    from attnctl.lifecycle.evidence import newest_verdict
    from attnctl.workspace import submissions

    there = set(workspace.run_ids())
    head_of = submissions.cached_heads(workspace)
    planned = []
    for spec in specs:
        verdict = newest_verdict(workspace, spec.id, head_of) if spec.id in there else None
        planned.append(Planned(spec, _action(verdict, retry_failed=retry_failed), verdict))
    return planned


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
