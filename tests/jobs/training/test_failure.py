"""Which outcome an exception is, and whose it is."""

import errno

import pytest
import torch

from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.rendezvous import RendezvousError
from attnctl.jobs.training.failure import Diverged, Superseded, classify
from attnctl.lifecycle.state import Evidence, State, decide
from attnctl.values import SpecError
from attnctl.workspace.records import Observed


def test_a_full_disk_has_its_own_outcome() -> None:
    failure = classify(OSError(errno.ENOSPC, "No space left on device"))
    assert (failure.outcome, failure.message) == ("disk full", "OSError: [Errno 28] No space left on device")
    last = Observed(at=1.0, job_id="1_0", word="FAILED", exit_code=f"{disk_full.EXIT_CODE}:0", source="sacct")
    verdict = decide(Evidence(created=0, submitted=True, observations=[last]))
    assert verdict.state is State.DISK_FULL


@pytest.mark.parametrize(
    ("error", "outcome", "secondary"),
    [
        (Diverged("nan"), "diverged", False),
        (Superseded("later"), "superseded", False),
        (SpecError("no such file"), "error", False),
        (MissingDataError("cifar10 is incomplete in /data"), "data missing", False),
        (DataError("cifar10 has 7 training images instead of 8"), "data error", False),
        (ModuleNotFoundError("No module named 'timm'", name="timm"), "environment missing", False),
        (ModuleNotFoundError("No module named 'attnctl.x'", name="attnctl.x"), "error", False),
        (ImportError("libcudart.so.12: cannot open shared object file: No such file"), "environment missing", False),
        (ImportError("cannot import name 'x' from 'timm'", name="timm"), "error", False),
        (torch.OutOfMemoryError("CUDA out of memory"), "cuda out of memory", False),
        (MemoryError(), "out of memory", False),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory", False),
        (RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1"), "error", True),
        (RendezvousError("rank 1 did not arrive"), "error", True),
        (torch.distributed.DistBackendError("NCCL error"), "error", True),
        (RuntimeError("shape mismatch"), "error", False),
        (ValueError("the store is closed"), "error", False),
    ],
)
def test_an_exception_is_classified_by_outcome_and_cause(error: Exception, outcome: str, secondary: bool) -> None:
    failure = classify(error)
    assert (failure.outcome, failure.secondary) == (outcome, secondary)
