"""What a signal means."""

import signal

import pytest

from attnctl.jobs.training.signals import outcome_of


@pytest.mark.parametrize(
    ("number", "on_slurm", "end", "cancelled", "expected"),
    [
        (signal.SIGTERM, False, None, False, "interrupted"),
        (signal.SIGINT, True, None, False, "interrupted"),
        (signal.SIGTERM, True, None, True, "interrupted"),
        (signal.SIGTERM, True, None, False, "preempted"),
        (signal.SIGUSR2, True, 5000.0, False, "preempted"),
        (signal.SIGUSR2, True, 1100.0, False, "timeout"),
        (signal.SIGTERM, True, 990.0, False, "timeout"),
    ],
)
def test_a_signal_is_mapped_to_its_outcome(
    number: int, on_slurm: bool, end: float | None, cancelled: bool, expected: str
) -> None:
    assert outcome_of(number, on_slurm=on_slurm, end=end, cancelled=cancelled, now=1000.0) == expected
