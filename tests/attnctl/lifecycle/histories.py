"""Short constructors for run histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attnctl.lifecycle.resume_batch import plan
from attnctl.lifecycle.resume_policy import Action, EndedAttempt, History, ResumeScope, Rules
from attnctl.lifecycle.state import State


def ended(state: State, *, began: int = 0, saved: int = 0, **more: Any) -> EndedAttempt:
    return EndedAttempt(state=state, began=began, saved=saved, **more)


def history(*attempts: EndedAttempt, run: str = "run1", **more: Any) -> History:
    numbered = [replace(item, number=k) for k, item in enumerate(attempts, start=1)]
    reached = max((item.saved for item in attempts), default=0)
    return History(run=run, attempts=numbered, **{"checkpoint": reached or None, **more})


ERROR = ended(State.ERROR, error="KeyError: 'x'", trained=True)


def actions(
    histories: list[History],
    rules: Rules | None = None,
    scope: ResumeScope | None = None,
    members: dict[str, set[str]] | None = None,
    spent: dict[str, int] | None = None,
) -> list[Action]:
    return [
        item.action for item in plan(histories, rules or Rules(), scope or ResumeScope(), members or {}, spent or {})
    ]
