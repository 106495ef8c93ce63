"""Every state has one sentence of advice."""

from __future__ import annotations

import pytest

from attnctl.lifecycle.advice import AdviceContext, advise, queue_blocker
from attnctl.lifecycle.state import State, Verdict


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_one_sentence_of_advice(state: State) -> None:
    known = AdviceContext(run="0123456789abcdef", checkpoint=40, memory=1500, norm_batch=32)
    words = advise(Verdict(state, "", 0.0), known)
    assert words.endswith(".")
    assert "{" not in words
    assert "\n" not in words


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "launch failed requeued held", "JobHeldUser"])
def test_a_run_that_can_never_start_gets_advice(reason: str) -> None:
    verdict = Verdict(State.QUEUED, reason, 0.0)
    assert reason.lower() in advise(verdict, AdviceContext(run="0123456789abcdef", job="7_1")).lower()
    assert queue_blocker(Verdict(State.RUNNING, reason, 0.0)) is None
    assert queue_blocker(Verdict(State.QUEUED, "Resources", 0.0)) is None


def test_a_lost_checkpoint_takes_precedence_over_other_advice() -> None:
    words = advise(Verdict(State.TIMEOUT, "", 0.0), AdviceContext(run="0123456789abcdef", gone=40))
    assert "--yes" in words
