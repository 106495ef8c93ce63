"""What becomes of many runs together: budgets of a sweep, and the breaker of an error that is the same in many.

An error is shown once, with the runs that met it. Where it would be repeated in many, none of them goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from attnctl.lifecycle.resume_policy import HELD, Action, Asked, Decision, History, Rules, decide, normalised
from attnctl.lifecycle.state import State
from attnctl.units import quantity


def plan(
    histories: Sequence[History],
    rules: Rules,
    asked: Asked,
    members: Mapping[str, Collection[str]],
    spent: Mapping[str, int],
) -> list[Decision]:
    """What becomes of these runs together, in their order.

    members: each sweep's runs. spent: the attempts beyond its runs' first that a sweep has had.
    """
    held = {normalised(history.newest.error) for history in histories if history.newest.state is State.HELD}
    decisions = [decide(history, rules, asked, held) for history in histories]
    if asked.force:
        return decisions
    decisions = _broken(histories, decisions, rules, held)
    return _within_budgets(histories, decisions, rules, members, spent)


def errors(histories: Sequence[History]) -> dict[str, list[str]]:
    """Each error that at least two runs ended with, as the first of them says it, and those runs."""
    found: dict[str, list[History]] = defaultdict(list)
    for history in histories:
        key = normalised(history.newest.error)
        if key and history.newest.state in {State.ERROR, State.SETUP, State.HELD}:
            found[key].append(history)
    return {_words(same): [history.run for history in same] for same in found.values() if len(same) > 1}


def _words(same: Sequence[History]) -> str:
    text = same[0].newest.error.strip()
    held = HELD.fullmatch(text)
    return (held[1] if held else text).strip().splitlines()[-1]


def _broken(
    histories: Sequence[History], decisions: Sequence[Decision], rules: Rules, held: Collection[str]
) -> list[Decision]:
    """Hold the runs that would go on after an error that is the same in many; what held others is tried once more."""
    counted: dict[str, int] = defaultdict(int)
    for history in histories:
        if history.newest.state is State.ERROR:
            counted[normalised(history.newest.error)] += 1
    found = []
    for history, decision in zip(histories, decisions, strict=True):
        key = normalised(history.newest.error)
        count = counted[key] if history.newest.state is State.ERROR and key not in held else 0
        trips = 0 < rules.same_error <= count and decision.action.starts
        words = f"the same error in {quantity(count, 'run')}; --force runs them again"
        found.append(Decision(run=history.run, action=Action.HELD, words=words) if trips else decision)
    return found


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
    found = []
    for history, decision in zip(histories, decisions, strict=True):
        costs = sweeps[history.run] if history.attempts and decision.action.starts else []
        broke = next((sweep for sweep in costs if left[sweep] <= 0), None)
        if broke is not None:
            words = f"sweep {broke} has had its {rules.sweep_attempts} further attempts"
            found.append(Decision(run=history.run, action=Action.BUDGET, words=words))
            continue
        for sweep in costs:
            left[sweep] -= 1
        found.append(decision)
    return found
