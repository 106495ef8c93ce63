"""Which runs of a job may have ended by the fault of another one."""

from __future__ import annotations

import pytest

from attnctl.jobs.packed.gpu_fault import WINDOW, is_fault, shared
from attnctl.workspace.records import Exit

FATAL = "AcceleratorError: CUDA error: an illegal memory access was encountered"


def ended(message: str, at: float = 100.0, outcome: str = "error") -> Exit:
    return Exit(rank=0, at=at, outcome=outcome, message=message)


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (FATAL, True),
        ("RuntimeError: CUDA error: unspecified launch failure", True),
        ("RuntimeError: CUDA error: device-side assert triggered", True),
        ("CUDA error: the remote procedural call between the MPS server and the MPS client failed", True),
        ("RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", True),
        ("RuntimeError: CUDA error: out of memory", False),
        ("RuntimeError: cuDNN error: CUDNN_STATUS_NOT_SUPPORTED", False),
        ("RuntimeError: CUDA error: invalid argument", False),
        ("ValueError: CUDA is not available", False),
    ],
)  # fmt: skip
def test_an_error_that_the_gpu_reports_to_all_its_users_is_told_from_one_of_a_call(message: str, fault: bool) -> None:
    assert is_fault(ended(message)) is fault
    assert not is_fault(ended(message, outcome="completed"))


def test_only_runs_that_end_with_a_fault_at_the_same_time_share_it() -> None:
    late = 100.0 + 2 * WINDOW
    ends = {"a": [ended(FATAL)], "b": [ended("ValueError"), ended(FATAL, 101.0)], "c": [ended("ValueError")], "d": []}
    assert shared(ends) == ["a", "b"]
    assert shared(ends | {"e": [ended(FATAL, late)]}) == ["a", "b"]
    assert shared({"a": [ended(FATAL)], "c": [ended("ValueError")]}) == []
