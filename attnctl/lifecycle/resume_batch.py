"""Resume decisions for many runs together: sweep budgets, and a circuit breaker for an error that many runs share.

A shared error is shown once, with its runs. When enough runs failed with it, none of them is resumed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from attnctl.lifecycle.launch_failures import bad_nodes
from attnctl.lifecycle.resume_policy import (
    HELD,
    Action,
    Decision,
    History,
    ResumeScope,
    Rules,
    decide,
    excluding,
    normalised,
)
from attnctl.lifecycle.state import State
from attnctl.units import quantity

_WITH_ERRORS = {State.ERROR, State.DATA_ERROR, State.SETUP, State.HELD}
"""States whose error is worth showing once for all runs that share it."""

_ERRORS = {State.ERROR, State.DATA_ERROR}
"""States whose error holds further runs if many share it."""


def plan(
    histories: Sequence[History],
    rules: Rules,
    scope: ResumeScope,
    members: Mapping[str, Collection[str]],
    spent: Mapping[str, int],
) -> list[Decision]:
    """The decisions for these runs, in the same order.

    members: the runs of each sweep. spent: the attempts that each sweep has used beyond the first of each run.
    """
    held = {normalised(history.newest.error) for history in histories if history.newest.state is State.HELD}
    bad = bad_nodes(((history.newest.state, history.newest.nodes) for history in histories), rules.same_error)
    decisions = [decide(history, rules, scope, held) for history in histories]
    decisions = [excluding(decision, bad) if decision.action.starts else decision for decision in decisions]
    if scope.force:
        return decisions
    decisions = _broken(histories, decisions, rules, held)
    return _within_budgets(histories, decisions, rules, members, spent)


def errors(histories: Sequence[History]) -> dict[str, list[str]]:
    """The errors that at least two runs ended with, in the first run's wording, and the ids of those runs."""
    groups: dict[str, list[History]] = defaultdict(list)
    for history in histories:
        key = normalised(history.newest.error)
        if key and (history.newest.state in _WITH_ERRORS or history.newest.state.lacking):
            groups[key].append(history)
    return {_words(same): [history.run for history in same] for same in groups.values() if len(same) > 1}


def _words(same: Sequence[History]) -> str:
    text = same[0].newest.error.strip()
    held = HELD.fullmatch(text)
    return (held[1] if held else text).strip().splitlines()[-1]


def _broken(
    histories: Sequence[History], decisions: Sequence[Decision], rules: Rules, held: Collection[str]
) -> list[Decision]:
    """Hold the runs that failed with an error shared by many; runs whose error already held others are tried again."""
    counted: dict[str, int] = defaultdict(int)
    for history in histories:
        if history.newest.state in _ERRORS:
            counted[normalised(history.newest.error)] += 1
    limited = []
    for history, decision in zip(histories, decisions, strict=True):
        key = normalised(history.newest.error)
        count = counted[key] if history.newest.state in _ERRORS and key not in held else 0
        trips = 0 < rules.same_error <= count and decision.action.starts
        reason = f"the same error in {quantity(count, 'run')}; --force runs them again"
        limited.append(Decision(run=history.run, action=Action.HELD, reason=reason) if trips else decision)
    return limited


def _within_budgets(
    histories: Sequence[History],
    decisions: Sequence[Decision],
    rules: Rules,
    members: Mapping[str, Collection[str]],
    spent: Mapping[str, int],
) -> list[Decision]:
    left = {sweep: rules.sweep_attempts - spent.get(sweep, 0) for sweep in members}
    sweeps: dict[str, list[str]] = defaultdict(list)
    for sweep, runs in members.items():
        for run in runs:
            sweeps[run].append(sweep)
    limited = []
    for history, decision in zip(histories, decisions, strict=True):
        costs = sweeps[history.run] if history.attempts and decision.action.starts else []
        exhausted = next((sweep for sweep in costs if left[sweep] <= 0), None)
        if exhausted is not None:
            reason = f"sweep {exhausted} has had its {rules.sweep_attempts} further attempts"
            limited.append(Decision(run=history.run, action=Action.BUDGET, reason=reason))
            continue
        for sweep in costs:
            left[sweep] -= 1
        limited.append(decision)
    return limited
