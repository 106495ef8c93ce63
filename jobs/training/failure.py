"""Classifies the exception that ended a rank: the outcome and message of its exit record, and who is to blame."""

from __future__ import annotations

import re
from dataclasses import replace

import torch
from torch.distributed import DistError

from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.failure import Failure, code_error, environment_missing
from attnctl.jobs.runtime.launch import LaunchError
from attnctl.jobs.runtime.rendezvous import RendezvousError
from attnctl.lifecycle.state import BASE_UNFINISHED
from attnctl.values import SpecError

_COMMUNICATION = re.compile(
    r"gloo|NCCL|ProcessGroup|Connection (closed|reset|refused)|Broken pipe|Timed out waiting|store", re.IGNORECASE
)


class Diverged(ArithmeticError):  # noqa: N818 - it names the outcome
    """The loss is NaN or infinite; raised by all ranks together."""


class Superseded(RuntimeError):  # noqa: N818 - it names the outcome
    """There is a later attempt or incarnation of the run; raised by all ranks together."""


def classify(error: BaseException) -> Failure:
    """The failure record for an exception."""
    if isinstance(error, Diverged):
        return Failure(outcome="diverged", message=str(error))
    if isinstance(error, Superseded):
        return Failure(outcome="superseded", message=str(error))
    if isinstance(error, MissingDataError):
        return Failure(outcome="data missing", message=str(error))
    if isinstance(error, DataError):
        return Failure(outcome="data error", message=str(error))
    if isinstance(error, SpecError):
        return Failure(outcome="error", message=str(error))
    if isinstance(error, LaunchError):
        return Failure(outcome="launch failed", message=str(error))
    absent = environment_missing(error)
    if absent is not None:
        return absent
    if isinstance(error, RendezvousError) and error.outcome == BASE_UNFINISHED:
        return Failure(outcome=BASE_UNFINISHED, message=str(error), secondary=True)
    plain = code_error(error)
    if disk_full.is_full(error):
        return Failure(outcome="disk full", message=plain.message)
    if isinstance(error, torch.OutOfMemoryError):
        return replace(plain, outcome="cuda out of memory")
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)):
        return replace(plain, outcome="out of memory")
    return replace(plain, secondary=_is_communication(error))


def _is_communication(error: BaseException) -> bool:
    """Whether a rank failed because it could not reach another one. Gloo raises plain RuntimeErrors."""
    if isinstance(error, DistError | RendezvousError | ConnectionError):
        return True
    return type(error) is RuntimeError and _COMMUNICATION.search(str(error)) is not None
