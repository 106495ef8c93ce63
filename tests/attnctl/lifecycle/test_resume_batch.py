"""What becomes of many runs together: errors that are the same, and budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl.lifecycle.resume_batch import errors, plan
from attnctl.lifecycle.resume_policy import (
    DEFAULT_MODES,
    MODES,
    Action,
    EndedAttempt,
    History,
    ResumeScope,
    Rules,
    held_message,
)
from attnctl.lifecycle.state import State
from tests.attnctl.lifecycle.histories import ERROR, actions, ended, history


def many(count: int, *attempts: EndedAttempt, **more: Any) -> list[History]:
    return [history(*attempts, run=f"run{number}", **more) for number in range(count)]


def test_one_error_in_many_runs_is_held_and_in_few_is_not() -> None:
    rules = Rules(actions={State.ERROR: "always"})
    assert actions(many(3, ERROR), rules) == [Action.HELD] * 3
    assert actions(many(2, ERROR), rules) == [Action.START] * 2
    assert actions(many(3, ERROR), rules, ResumeScope(force=True)) == [Action.START] * 3
    assert actions(many(3, ERROR), replace(rules, same_error=0)) == [Action.START] * 3


def test_a_node_that_failed_to_launch_three_runs_is_excluded_for_all_runs() -> None:
    failed = many(3, ended(State.LAUNCH_FAILED, nodes=("n1",)))
    other = history(ended(State.PREEMPTED, saved=40), run="other")
    for scope in (ResumeScope(), ResumeScope(force=True)):
        decisions = plan([*failed, other], Rules(), scope, {}, {})
        assert [decision.exclude for decision in decisions] == [("n1",)] * 4
        assert decisions[-1].reason == "from step 40, without n1"
    assert plan([*failed[:2], other], Rules(), ResumeScope(), {}, {})[-1].exclude == ()
    assert plan([*failed, other], Rules(same_error=0), ResumeScope(), {}, {})[-1].exclude == ()


def test_the_first_failures_are_resumed_with_the_runs_held_for_them() -> None:
    first = ended(State.ERROR, error="no module named x1")
    held = ended(State.HELD, error=held_message(3, error="no module named x2"))
    later = replace(first, trained=True)
    histories = [*many(3, first), history(held, run="held"), history(later, run="later")]
    assert actions(histories) == [*[Action.START] * 4, Action.FORCE]


def test_an_error_is_shown_once_with_its_runs() -> None:
    told = [
        history(ended(State.ERROR, error=f"RuntimeError: at 0x7f{number} step {number}"), run=f"r{number}")
        for number in range(3)
    ]
    other = history(ended(State.ERROR, error="KeyError: 'x'"), run="other")
    assert errors([*told, other]) == {"RuntimeError: at 0x7f0 step 0": ["r0", "r1", "r2"]}


def test_a_sweeps_budget_ends() -> None:
    histories = many(3, ended(State.PREEMPTED))
    members = {"first": {"run0", "run1", "run2"}, "second": {"run2"}}
    rules = Rules(sweep_attempts=5)
    assert actions(histories, rules, members=members, spent={"first": 3}) == [Action.START] * 2 + [Action.BUDGET]
    assert actions(many(3), rules, members=members, spent={"first": 9}) == [Action.START] * 3  # their first attempts
    assert actions(histories, rules, ResumeScope(force=True), members, {"first": 9}) == [Action.START] * 3


ATTEMPTS = st.builds(
    EndedAttempt,
    state=st.sampled_from(sorted(DEFAULT_MODES)),
    error=st.text(max_size=30),
    began=st.integers(0, 3),
    saved=st.integers(0, 5),
    trained=st.booleans(),
    memory=st.none() | st.integers(1, 10**6),
    world=st.sampled_from([1, 2, 4]),
    nodes=st.sampled_from([(), ("n1",)]),
)

HISTORIES = st.builds(
    History,
    run=st.uuids().map(str),
    attempts=st.lists(ATTEMPTS, max_size=4),
    checkpoint=st.none() | st.integers(0, 9),
    gone=st.none() | st.integers(1, 9),
    worlds=st.just((1, 2, 4)),
    more_time=st.booleans(),
)

RULES = st.builds(
    Rules,
    attempts=st.integers(1, 5),
    sweep_attempts=st.integers(0, 5),
    memory_factor=st.floats(1.01, 100),
    memory_cap=st.none() | st.integers(1, 10**6),
    same_error=st.integers(0, 4),
    actions=st.dictionaries(st.sampled_from(sorted(DEFAULT_MODES)), st.sampled_from(MODES)),
)


@settings(max_examples=40, deadline=None)
@given(
    histories=st.lists(HISTORIES, max_size=5, unique_by=lambda item: item.run),
    rules=RULES,
    scope=st.builds(ResumeScope, force=st.booleans(), memory=st.booleans(), other_gpu=st.booleans()),
)
def test_any_plan_keeps_to_its_rules(histories: list[History], rules: Rules, scope: ResumeScope) -> None:
    decisions = plan(histories, rules, scope, {"all": {item.run for item in histories}}, {})
    assert [item.run for item in decisions] == [item.run for item in histories]
    for past, decision in zip(histories, decisions, strict=True):
        mode = rules.mode(past.newest.state)
        assert mode != "never" or not decision.starts
        assert scope.force or mode != "if_named" or not decision.action.starts
        assert scope.force or len(past.attempts) < rules.attempts or not decision.action.starts
        assert not (decision.starts and past.gone is not None)
        if decision.memory is not None:
            assert past.newest.memory is not None
            assert decision.memory > past.newest.memory
            assert rules.memory_cap is None or decision.memory <= rules.memory_cap
        if decision.world is not None:
            assert decision.world in past.worlds
            assert decision.world > past.newest.world
    if not scope.force:
        again = [item for item, past in zip(decisions, histories, strict=True) if item.starts and past.attempts]
        assert len(again) <= rules.sweep_attempts
