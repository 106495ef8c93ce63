"""The resume decision for a run, as a table of cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.lifecycle.resume_policy import Action, History, ResumeScope, Rules, decide, held_message, normalised
from attnctl.lifecycle.state import State
from tests.attnctl.lifecycle.histories import ERROR, ended, history

GIGABYTE = 1024

CASES = {
    "never submitted": (history(), Rules(), ResumeScope(), Action.START),
    "preempted before any checkpoint": (history(ended(State.PREEMPTED)), Rules(), ResumeScope(), Action.START),
    "preempted": (history(ended(State.PREEMPTED, saved=40)), Rules(), ResumeScope(), Action.CONTINUE),
    "unknown": (history(ended(State.UNKNOWN, saved=40)), Rules(), ResumeScope(), Action.CONTINUE),
    "refused": (history(ended(State.REFUSED)), Rules(), ResumeScope(), Action.START),
    "setup failed": (history(ended(State.SETUP)), Rules(), ResumeScope(), Action.START),
    "held": (history(ended(State.HELD)), Rules(), ResumeScope(), Action.START),
    "data that are still missing": (
        history(ended(State.DATA_MISSING, saved=4), missing="cifar10 is incomplete"),
        Rules(),
        ResumeScope(named={"run1"}),
        Action.WAITS,
    ),
    "data that are there again": (
        history(ended(State.DATA_MISSING, saved=4)),
        Rules(),
        ResumeScope(),
        Action.CONTINUE,
    ),
    "data that are still missing, forced": (
        history(ended(State.DATA_MISSING), missing="cifar10 is incomplete"),
        Rules(),
        ResumeScope(force=True),
        Action.START,
    ),
    "a damaged image": (history(ended(State.DATA_ERROR)), Rules(), ResumeScope(), Action.FORCE),
    "a damaged image, forced": (history(ended(State.DATA_ERROR)), Rules(), ResumeScope(force=True), Action.START),
    "an environment that is still missing": (
        history(ended(State.ENVIRONMENT_MISSING), missing="the package torch is not installed"),
        Rules(),
        ResumeScope(),
        Action.WAITS,
    ),
    "an environment that is there again": (
        history(ended(State.ENVIRONMENT_MISSING)),
        Rules(),
        ResumeScope(),
        Action.START,
    ),
    "one node failed": (
        history(ended(State.NODE_FAILURE, saved=4, nodes=("n1",))),
        Rules(),
        ResumeScope(),
        Action.OTHER_NODE,
    ),
    "one of several nodes failed": (
        history(ended(State.NODE_FAILURE, saved=4)),
        Rules(),
        ResumeScope(),
        Action.CONTINUE,
    ),
    "a node could not launch it": (
        history(ended(State.LAUNCH_FAILED, nodes=("n1",))),
        Rules(),
        ResumeScope(),
        Action.OTHER_NODE,
    ),
    "an unknown node could not launch it": (history(ended(State.LAUNCH_FAILED)), Rules(), ResumeScope(), Action.START),
    "three nodes could not launch it": (
        history(*(ended(State.LAUNCH_FAILED, nodes=(f"n{number}",)) for number in range(3))),
        Rules(),
        ResumeScope(),
        Action.FORCE,
    ),
    "timeout that advanced": (
        history(ended(State.TIMEOUT, began=10, saved=20)),
        Rules(),
        ResumeScope(),
        Action.CONTINUE,
    ),
    "timeout that did not": (
        history(ended(State.TIMEOUT, saved=10), ended(State.TIMEOUT, began=10)),
        Rules(),
        ResumeScope(),
        Action.FORCE,
    ),
    "timeout that did not, with more time": (
        history(ended(State.TIMEOUT), more_time=True),
        Rules(),
        ResumeScope(),
        Action.START,
    ),
    "timeout that did not, forced": (history(ended(State.TIMEOUT)), Rules(), ResumeScope(force=True), Action.START),
    "out of memory": (
        history(ended(State.OUT_OF_MEMORY, memory=8 * GIGABYTE)),
        Rules(),
        ResumeScope(),
        Action.MORE_MEMORY,
    ),
    "out of memory at the cap": (
        history(ended(State.OUT_OF_MEMORY, memory=8 * GIGABYTE)),
        Rules(memory_cap=8 * GIGABYTE),
        ResumeScope(),
        Action.FORCE,
    ),
    "out of an unknown memory": (history(ended(State.OUT_OF_MEMORY)), Rules(), ResumeScope(), Action.FORCE),
    "out of memory, given some": (
        history(ended(State.OUT_OF_MEMORY, saved=3)),
        Rules(),
        ResumeScope(memory=True),
        Action.CONTINUE,
    ),
    "CUDA out of memory": (history(ended(State.CUDA_OUT_OF_MEMORY)), Rules(), ResumeScope(), Action.FORCE),
    "CUDA out of memory, elsewhere": (
        history(ended(State.CUDA_OUT_OF_MEMORY)),
        Rules(),
        ResumeScope(other_gpu=True),
        Action.START,
    ),
    "CUDA out of memory, by more processes": (
        history(ended(State.CUDA_OUT_OF_MEMORY), worlds=(1, 2, 4)),
        Rules(),
        ResumeScope(),
        Action.MORE_RANKS,
    ),
    "CUDA out of memory, and no more processes fit": (
        history(ended(State.CUDA_OUT_OF_MEMORY, world=4), worlds=(1, 2, 4)),
        Rules(),
        ResumeScope(),
        Action.FORCE,
    ),
    "CUDA out of memory, and more processes did not help": (
        history(ended(State.CUDA_OUT_OF_MEMORY), ended(State.CUDA_OUT_OF_MEMORY, world=2), worlds=(1, 2, 4)),
        Rules(),
        ResumeScope(),
        Action.FORCE,
    ),
    "CUDA out of memory, later than with fewer processes": (
        history(ended(State.CUDA_OUT_OF_MEMORY), ended(State.CUDA_OUT_OF_MEMORY, world=2, saved=9), worlds=(1, 2, 4)),
        Rules(),
        ResumeScope(),
        Action.MORE_RANKS,
    ),
    "CUDA out of memory, where the rule asks for a place": (
        history(ended(State.CUDA_OUT_OF_MEMORY), worlds=(1, 2, 4)),
        Rules(actions={State.CUDA_OUT_OF_MEMORY: "other_gpu"}),
        ResumeScope(),
        Action.FORCE,
    ),
    "stalled": (history(ended(State.STALLED, saved=5)), Rules(), ResumeScope(), Action.CONTINUE),
    "stalled where it began, once": (history(ended(State.STALLED)), Rules(), ResumeScope(), Action.START),
    "stalled where it began, twice": (
        history(ended(State.STALLED), ended(State.STALLED)),
        Rules(),
        ResumeScope(),
        Action.FORCE,
    ),
    "stalled twice, a checkpoint between": (
        history(ended(State.STALLED), ended(State.STALLED, saved=5)),
        Rules(),
        ResumeScope(),
        Action.CONTINUE,
    ),
    "killed": (history(ended(State.KILLED, saved=5)), Rules(), ResumeScope(), Action.CONTINUE),
    "killed twice in one place": (
        history(ended(State.KILLED), ended(State.KILLED)),
        Rules(),
        ResumeScope(),
        Action.FORCE,
    ),
    "an error": (history(ERROR), Rules(), ResumeScope(), Action.FORCE),
    "an error, named": (history(ERROR), Rules(), ResumeScope(named={"run1"}), Action.FORCE),
    "an error, forced": (history(ERROR), Rules(), ResumeScope(force=True), Action.START),
    "diverged": (history(ended(State.DIVERGED)), Rules(), ResumeScope(), Action.NEVER),
    "diverged, forced": (history(ended(State.DIVERGED)), Rules(), ResumeScope(force=True), Action.NEVER),
    "diverged, where the settings let it": (
        history(ended(State.DIVERGED)),
        Rules(actions={State.DIVERGED: "if_forced"}),
        ResumeScope(force=True),
        Action.START,
    ),
    "cancelled": (history(ended(State.CANCELLED)), Rules(), ResumeScope(), Action.NEEDS_NAME),
    "cancelled, named": (history(ended(State.CANCELLED)), Rules(), ResumeScope(named={"run1"}), Action.START),
    "cancelled, by its class": (
        history(ended(State.CANCELLED)),
        Rules(),
        ResumeScope(states={State.CANCELLED}),
        Action.START,
    ),
    "preempted for the last time": (
        history(ended(State.PREEMPTED), ended(State.PREEMPTED)),
        Rules(attempts=2),
        ResumeScope(),
        Action.BUDGET,
    ),
    "preempted, with a budget of the command": (
        history(ended(State.PREEMPTED), ended(State.PREEMPTED)),
        Rules(attempts=2),
        ResumeScope(max_attempts=3),
        Action.START,
    ),
    "preempted for the last time, forced": (
        history(ended(State.PREEMPTED), ended(State.PREEMPTED)),
        Rules(attempts=2),
        ResumeScope(force=True),
        Action.START,
    ),
}


@pytest.mark.parametrize(("past", "rules", "scope", "action"), CASES.values(), ids=CASES)
def test_the_history_decides(past: History, rules: Rules, scope: ResumeScope, action: Action) -> None:
    decision = decide(past, rules, scope)
    assert decision.action is action
    assert decision.reason


def test_a_run_without_its_checkpoint_needs_consent() -> None:
    decision = decide(
        history(ended(State.PREEMPTED, saved=40), checkpoint=None, gone=40), Rules(), ResumeScope(force=True)
    )
    assert (decision.action, decision.consent, decision.starts) == (Action.START, True, False)
    assert "step 40 is gone" in decision.reason


def test_the_nodes_that_failed_to_launch_a_run_are_excluded_until_it_starts() -> None:
    first, second, third = (ended(State.LAUNCH_FAILED, nodes=(f"n{number}",)) for number in (1, 2, 3))
    started = ended(State.PREEMPTED, nodes=("n9",))
    assert decide(history(first), Rules(), ResumeScope(force=True)).exclude == ("n1",)
    decision = decide(history(first, second), Rules(), ResumeScope())
    assert (decision.exclude, decision.reason) == (("n1", "n2"), "without n1, n2")
    assert decide(history(first, started, second), Rules(), ResumeScope()).exclude == ("n2",)
    assert decide(history(first, started), Rules(), ResumeScope()).exclude == ()
    refused = decide(history(first, second, third), Rules(), ResumeScope())
    assert refused.reason == "it failed to launch on n1, n2, n3; check that the nodes see the workspace"
    assert decide(history(first, second, third), Rules(), ResumeScope(force=True)).exclude == ("n3",)


def test_memory_grows_by_the_factor_to_the_cap() -> None:
    known = history(ended(State.OUT_OF_MEMORY, memory=1000))
    assert decide(known, Rules(memory_factor=2), ResumeScope()).memory == 2000
    assert decide(known, Rules(memory_factor=2, memory_cap=1200), ResumeScope()).memory == 1200


def test_memory_grows_to_more_than_what_the_run_has_used_where_slurm_says_it() -> None:
    def grown(reason: str, memory_cap: int | None = None) -> int | None:
        ending = ended(State.OUT_OF_MEMORY, memory=100, reason=reason)
        return decide(history(ending), Rules(memory_cap=memory_cap), ResumeScope()).memory

    line = "StepId=7.0 exceeded memory limit ({} > 104857600), being killed"
    assert grown(line.format(384 << 20)) == 460
    assert grown(line.format(384 << 20), memory_cap=300) == 300
    assert grown(line.format(101 << 20)) == 150
    assert grown(line.format(1 << 50)) == 1600
    assert grown("exceeded memory limit (5 > 0), being killed") == 600
    assert grown("Detected 1 oom_kill event in StepId=7.0.") == 150


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once or once.startswith("the same error in")
    assert "\n" not in once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RuntimeError: at step 17", "RuntimeError: at step 3.5"),
        ("/runs/0376536916dc397f/spec.json is missing", "/runs/364536402151f9ae/spec.json is missing"),
        ("Traceback\n  line 3\nKeyError: 'x'", "Traceback\n  line 99\nKeyError: 'x'\n"),
        ("object at 0x7F00AB", "object at 0x1"),
        (held_message(3, error="no disk on node1"), "no disk on node2"),
    ],
)
def test_numbers_ids_and_addresses_do_not_distinguish_errors(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
