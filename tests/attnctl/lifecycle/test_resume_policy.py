"""What becomes of a run by its history, as a table of cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.lifecycle.resume_policy import Action, Asked, Rules, decide, held_message, normalised
from attnctl.lifecycle.state import State
from tests.attnctl.lifecycle.histories import ERROR, ended, history

GIGABYTE = 1024

CASES = {
    "never submitted": (history(), Rules(), Asked(), Action.START),
    "preempted before any checkpoint": (history(ended(State.PREEMPTED)), Rules(), Asked(), Action.START),
    "preempted": (history(ended(State.PREEMPTED, saved=40)), Rules(), Asked(), Action.CONTINUE),
    "unknown": (history(ended(State.UNKNOWN, saved=40)), Rules(), Asked(), Action.CONTINUE),
    "refused": (history(ended(State.REFUSED)), Rules(), Asked(), Action.START),
    "setup failed": (history(ended(State.SETUP)), Rules(), Asked(), Action.START),
    "held": (history(ended(State.HELD)), Rules(), Asked(), Action.START),
    "one node failed": (
        history(ended(State.NODE_FAILURE, saved=4, nodes=("n1",))),
        Rules(),
        Asked(),
        Action.OTHER_NODE,
    ),
    "one of several nodes failed": (history(ended(State.NODE_FAILURE, saved=4)), Rules(), Asked(), Action.CONTINUE),
    "timeout that advanced": (history(ended(State.TIMEOUT, began=10, saved=20)), Rules(), Asked(), Action.CONTINUE),
    "timeout that did not": (
        history(ended(State.TIMEOUT, saved=10), ended(State.TIMEOUT, began=10)),
        Rules(),
        Asked(),
        Action.FORCE,
    ),
    "timeout that did not, with more time": (
        history(ended(State.TIMEOUT), more_time=True),
        Rules(),
        Asked(),
        Action.START,
    ),
    "timeout that did not, forced": (history(ended(State.TIMEOUT)), Rules(), Asked(force=True), Action.START),
    "out of memory": (
        history(ended(State.OUT_OF_MEMORY, memory=8 * GIGABYTE)),
        Rules(),
        Asked(),
        Action.MORE_MEMORY,
    ),
    "out of memory at the cap": (
        history(ended(State.OUT_OF_MEMORY, memory=8 * GIGABYTE)),
        Rules(memory_cap=8 * GIGABYTE),
        Asked(),
        Action.FORCE,
    ),
    "out of an unknown memory": (history(ended(State.OUT_OF_MEMORY)), Rules(), Asked(), Action.FORCE),
    "out of memory, given some": (
        history(ended(State.OUT_OF_MEMORY, saved=3)),
        Rules(),
        Asked(memory=True),
        Action.CONTINUE,
    ),
    "CUDA out of memory": (history(ended(State.CUDA_OUT_OF_MEMORY)), Rules(), Asked(), Action.FORCE),
    "CUDA out of memory, elsewhere": (
        history(ended(State.CUDA_OUT_OF_MEMORY)),
        Rules(),
        Asked(place=True),
        Action.START,
    ),
    "CUDA out of memory, by more processes": (
        history(ended(State.CUDA_OUT_OF_MEMORY), worlds=(1, 2, 4)),
        Rules(),
        Asked(),
        Action.MORE_RANKS,
    ),
    "CUDA out of memory, and no more processes fit": (
        history(ended(State.CUDA_OUT_OF_MEMORY, world=4), worlds=(1, 2, 4)),
        Rules(),
        Asked(),
        Action.FORCE,
    ),
    "CUDA out of memory, and more processes did not help": (
        history(ended(State.CUDA_OUT_OF_MEMORY), ended(State.CUDA_OUT_OF_MEMORY, world=2), worlds=(1, 2, 4)),
        Rules(),
        Asked(),
        Action.FORCE,
    ),
    "CUDA out of memory, later than with fewer processes": (
        history(ended(State.CUDA_OUT_OF_MEMORY), ended(State.CUDA_OUT_OF_MEMORY, world=2, saved=9), worlds=(1, 2, 4)),
        Rules(),
        Asked(),
        Action.MORE_RANKS,
    ),
    "CUDA out of memory, where the rule asks for a place": (
        history(ended(State.CUDA_OUT_OF_MEMORY), worlds=(1, 2, 4)),
        Rules(actions={State.CUDA_OUT_OF_MEMORY: "other_gpu"}),
        Asked(),
        Action.FORCE,
    ),
    "stalled": (history(ended(State.STALLED, saved=5)), Rules(), Asked(), Action.CONTINUE),
    "stalled where it began, once": (history(ended(State.STALLED)), Rules(), Asked(), Action.START),
    "stalled where it began, twice": (
        history(ended(State.STALLED), ended(State.STALLED)),
        Rules(),
        Asked(),
        Action.FORCE,
    ),
    "stalled twice, a checkpoint between": (
        history(ended(State.STALLED), ended(State.STALLED, saved=5)),
        Rules(),
        Asked(),
        Action.CONTINUE,
    ),
    "killed": (history(ended(State.KILLED, saved=5)), Rules(), Asked(), Action.CONTINUE),
    "killed twice in one place": (history(ended(State.KILLED), ended(State.KILLED)), Rules(), Asked(), Action.FORCE),
    "an error": (history(ERROR), Rules(), Asked(), Action.FORCE),
    "an error, named": (history(ERROR), Rules(), Asked(named={"run1"}), Action.FORCE),
    "an error, forced": (history(ERROR), Rules(), Asked(force=True), Action.START),
    "diverged": (history(ended(State.DIVERGED)), Rules(), Asked(), Action.NEVER),
    "diverged, forced": (history(ended(State.DIVERGED)), Rules(), Asked(force=True), Action.NEVER),
    "diverged, where the settings let it": (
        history(ended(State.DIVERGED)),
        Rules(actions={State.DIVERGED: "if_forced"}),
        Asked(force=True),
        Action.START,
    ),
    "cancelled": (history(ended(State.CANCELLED)), Rules(), Asked(), Action.ASKED),
    "cancelled, named": (history(ended(State.CANCELLED)), Rules(), Asked(named={"run1"}), Action.START),
    "cancelled, by its class": (
        history(ended(State.CANCELLED)),
        Rules(),
        Asked(states={State.CANCELLED}),
        Action.START,
    ),
    "preempted for the last time": (
        history(ended(State.PREEMPTED), ended(State.PREEMPTED)),
        Rules(attempts=2),
        Asked(),
        Action.BUDGET,
    ),
    "preempted, with a budget of the command": (
        history(ended(State.PREEMPTED), ended(State.PREEMPTED)),
        Rules(attempts=2),
        Asked(max_attempts=3),
        Action.START,
    ),
    "preempted for the last time, forced": (
        history(ended(State.PREEMPTED), ended(State.PREEMPTED)),
        Rules(attempts=2),
        Asked(force=True),
        Action.START,
    ),
}


@pytest.mark.parametrize(("known", "rules", "asked", "action"), CASES.values(), ids=CASES)
def test_the_history_decides(known, rules, asked, action):
    decision = decide(known, rules, asked)
    assert decision.action is action
    assert decision.words


def test_a_checkpoint_that_is_gone_waits_for_consent():
    decision = decide(history(ended(State.PREEMPTED, saved=40), checkpoint=None, gone=40), Rules(), Asked(force=True))
    assert (decision.action, decision.consent, decision.starts) == (Action.START, True, False)
    assert "step 40 is gone" in decision.words


def test_memory_grows_by_the_factor_to_the_cap():
    known = history(ended(State.OUT_OF_MEMORY, memory=1000))
    assert decide(known, Rules(memory_factor=2), Asked()).memory == 2000
    assert decide(known, Rules(memory_factor=2, memory_cap=1200), Asked()).memory == 1200


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing_more(text):
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
def test_what_varies_between_runs_makes_no_other_error(one, other):
    assert normalised(one) == normalised(other)
