"""What becomes of a run by its history, as a table of cases; and of many runs together."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl.lifecycle.advice import Known, advise, queue_words
from attnctl.lifecycle.resume_batch import errors, plan
from attnctl.lifecycle.resume_policy import (
    DEFAULT_MODES,
    MODES,
    Action,
    Asked,
    Ended,
    History,
    Rules,
    decide,
    held_message,
    normalised,
)
from attnctl.lifecycle.state import State, Verdict
from attnctl.settings.config import ConfigError, find
from attnctl.settings.sections import Notify


def ended(state, *, began=0, saved=0, **more):
    return Ended(state=state, began=began, saved=saved, **more)


def history(*attempts, run="run1", **more):
    numbered = [replace(item, number=k) for k, item in enumerate(attempts, start=1)]
    reached = max((item.saved for item in attempts), default=0)
    return History(run=run, attempts=numbered, **{"checkpoint": reached or None, **more})


ERROR = ended(State.ERROR, error="KeyError: 'x'", trained=True)
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


# --------------------------------------------------------------------------------------------------------- many runs


def many(count, *attempts, **more):
    return [history(*attempts, run=f"run{number}", **more) for number in range(count)]


def actions(histories, rules=None, asked=None, members=None, spent=None):
    return [item.action for item in plan(histories, rules or Rules(), asked or Asked(), members or {}, spent or {})]


def test_one_error_in_many_runs_is_held_and_in_few_is_not():
    rules = Rules(actions={State.ERROR: "always"})
    assert actions(many(3, ERROR), rules) == [Action.HELD] * 3
    assert actions(many(2, ERROR), rules) == [Action.START] * 2
    assert actions(many(3, ERROR), rules, Asked(force=True)) == [Action.START] * 3
    assert actions(many(3, ERROR), replace(rules, same_error=0)) == [Action.START] * 3


def test_what_failed_first_goes_again_with_what_was_held_for_it():
    first = ended(State.ERROR, error="no module named x1")
    held = ended(State.HELD, error=held_message(3, error="no module named x2"))
    later = replace(first, trained=True)
    histories = [*many(3, first), history(held, run="held"), history(later, run="later")]
    assert actions(histories) == [*[Action.START] * 4, Action.FORCE]


def test_an_error_is_shown_once_with_its_runs():
    told = [
        history(ended(State.ERROR, error=f"RuntimeError: at 0x7f{number} step {number}"), run=f"r{number}")
        for number in range(3)
    ]
    other = history(ended(State.ERROR, error="KeyError: 'x'"), run="other")
    assert errors([*told, other]) == {"RuntimeError: at 0x7f0 step 0": ["r0", "r1", "r2"]}


def test_a_sweeps_budget_ends():
    histories = many(3, ended(State.PREEMPTED))
    members = {"first": {"run0", "run1", "run2"}, "second": {"run2"}}
    rules = Rules(sweep_attempts=5)
    assert actions(histories, rules, members=members, spent={"first": 3}) == [Action.START] * 2 + [Action.BUDGET]
    assert actions(many(3), rules, members=members, spent={"first": 9}) == [Action.START] * 3  # their first attempts
    assert actions(histories, rules, Asked(force=True), members, {"first": 9}) == [Action.START] * 3


ATTEMPTS = st.builds(
    Ended,
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
    asked=st.builds(Asked, force=st.booleans(), memory=st.booleans(), place=st.booleans()),
)
def test_any_plan_keeps_to_its_rules(histories, rules, asked):
    decisions = plan(histories, rules, asked, {"all": {item.run for item in histories}}, {})
    assert [item.run for item in decisions] == [item.run for item in histories]
    for known, decision in zip(histories, decisions, strict=True):
        mode = rules.mode(known.newest.state)
        assert mode != "never" or not decision.starts
        assert asked.force or mode != "if_named" or not decision.action.starts
        assert asked.force or len(known.attempts) < rules.attempts or not decision.action.starts
        assert not (decision.starts and known.gone is not None)
        if decision.memory is not None:
            assert decision.memory > known.newest.memory
            assert rules.memory_cap is None or decision.memory <= rules.memory_cap
        if decision.world is not None:
            assert decision.world in known.worlds
            assert decision.world > known.newest.world
    if not asked.force:
        again = [item for item, known in zip(decisions, histories, strict=True) if item.starts and known.attempts]
        assert len(again) <= rules.sweep_attempts


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


# ---------------------------------------------------------------------------------------------------------- settings


def config(tmp_path, text):
    (tmp_path / "attnctl.toml").write_text(text)
    return find(None, tmp_path, {})


def test_the_settings_say_what_is_done(tmp_path):
    found = config(
        tmp_path,
        """
[resume]
attempts = 5
sweep_attempts = 50
memory_factor = 2
memory_cap = "64G"
same_error = 0
[resume.actions]
code-error = "once"
CUDA-out-of-memory = "more_processes"
[checkpoints]
finished = 0
unfinished = 1
[notify]
command = "mail -s 'a b; $(touch x)' me"
webhook = "https://example.org/hook"
""",
    )
    actions = {State.ERROR: "once", State.CUDA_OUT_OF_MEMORY: "more_processes"}
    assert found.resume == Rules(
        attempts=5, sweep_attempts=50, memory_factor=2.0, memory_cap=64 * 1024, same_error=0, actions=actions
    )
    assert (found.keep.finished, found.keep.unfinished) == (0, 1)
    assert found.notify == Notify(command=("mail", "-s", "a b; $(touch x)", "me"), webhook="https://example.org/hook")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[resume]\nattemps = 3", "attnctl.toml:2: attemps is no known key in [resume]; did you mean 'attempts'?"),
        ("[resume]\nattempts = 0", "attnctl.toml:2: attempts is 0; it must be at least 1"),
        ("[resume]\nattempts = true", "attnctl.toml:2: attempts must be a whole number"),
        ("[resume]\n\nmemory_factor = 1", "attnctl.toml:3: memory_factor is 1; it must be a number above 1"),
        ("[resume]\nmemory_cap = 'much'", "attnctl.toml:2: memory_cap is wrong: 'much' is no amount of memory"),
        ("[resume.actions]\ntimout = 'again'", "attnctl.toml:2: timout is no known key in [resume.actions]; did you"),
        (
            "[resume.actions]\ntimeout = 'agian'",
            "timeout is 'agian'; it must be one of always, if_progressed, once",
        ),
        ("[resume]\nactions = 3", "attnctl.toml:2: actions must be a section"),
        ("[checkpoints]\nunfinished = 0", "attnctl.toml:2: unfinished is 0; it must be at least 1"),
        ('[notify]\ncommand = "mail \'x"', "attnctl.toml:2: command cannot be split into words: No closing quotation"),
        ("[notify]\ncommand = ''", "attnctl.toml:2: command must be a command"),
        ("[notify]\nwebhook = 'ftp://x'", "attnctl.toml:2: webhook must be an address"),
        ("[notify]\nwebhook = 'file:///etc/passwd'", "attnctl.toml:2: webhook must be an address"),
    ],
)
def test_a_fault_of_the_settings_names_line_and_key(tmp_path, text, words):
    with pytest.raises(ConfigError) as error:
        config(tmp_path, text)
    assert words in str(error.value)


# ------------------------------------------------------------------------------------------------------------ advice


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_one_sentence_of_advice(state):
    known = Known(run="0123456789abcdef", checkpoint=40, memory=1500, norm_batch=32)
    words = advise(Verdict(state, "", 0.0), known)
    assert words.endswith(".")
    assert "{" not in words
    assert "\n" not in words


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "launch failed requeued held", "JobHeldUser"])
def test_what_waits_in_vain_is_told_the_mend(reason):
    verdict = Verdict(State.QUEUED, reason, 0.0)
    assert reason.lower() in advise(verdict, Known(run="0123456789abcdef", job="7_1")).lower()
    assert queue_words(Verdict(State.RUNNING, reason, 0.0)) is None
    assert queue_words(Verdict(State.QUEUED, "Resources", 0.0)) is None


def test_a_checkpoint_that_is_gone_comes_before_other_advice():
    words = advise(Verdict(State.TIMEOUT, "", 0.0), Known(run="0123456789abcdef", gone=40))
    assert "--yes" in words
