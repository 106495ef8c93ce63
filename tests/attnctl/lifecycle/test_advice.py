"""Every state has one sentence of advice."""

import pytest

from attnctl.lifecycle.advice import Known, advise, queue_words
from attnctl.lifecycle.state import State, Verdict


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
