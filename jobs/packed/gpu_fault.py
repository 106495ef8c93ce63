"""Runs that ended because of a fault of the GPU that they shared, and not necessarily of their own.

Under NVIDIA's MPS a fatal fault of one process is reported to all that use the GPU, without saying whose it was
(docs.nvidia.com/deploy/mps, "Error Containment"). Such runs continue from their checkpoints, each in a job of its own:
there the one that caused it fails alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attnctl.workspace.records import Exit

WINDOW = 60.0
"""Seconds within which the runs end that one fault ends."""

REASON = "a fault of the GPU ends all runs that share it"

_FAULT = re.compile(r"CUDA error|CUDNN_STATUS_|CUBLAS_STATUS_|HIP error|\bMPS\b")
_OWN = re.compile(r"out of memory|ALLOC_FAILED|NOT_SUPPORTED|INVALID_VALUE|BAD_PARAM|invalid argument")
"""Errors of a call, which leave other processes alone."""


def is_fault(record: Exit) -> bool:
    """Whether the process ended with an error that the GPU reports to all its users."""
    text = record.message
    return record.outcome == "error" and _FAULT.search(text) is not None and _OWN.search(text) is None


def shared(ends: Mapping[str, Sequence[Exit]]) -> list[str]:
    """Those of the runs that a fault ended which ended another one of them too. ends: run -> its exit records."""
    times = {run: min(found) for run, exits in ends.items() if (found := [item.at for item in exits if is_fault(item)])}
    return [
        run
        for run, at in times.items()
        if any(abs(at - other) <= WINDOW for neighbour, other in times.items() if neighbour != run)
    ]
