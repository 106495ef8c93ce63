"""Why a rank ended: from an exception to the outcome, the words and the blame of its exit record."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass

import torch
from torch.distributed import DistError

from attnctl.values import SpecError
from jobs import space
from jobs.rendezvous import RendezvousError

_TAIL = 20
"""Lines of a traceback that an exit record holds; the log has all."""

_COMMUNICATION = re.compile(
    r"gloo|NCCL|ProcessGroup|Connection (closed|reset|refused)|Broken pipe|Timed out waiting|store", re.IGNORECASE
)


class Diverged(ArithmeticError):  # noqa: N818 - the outcome's name
    """The loss is NaN or infinite; all ranks raise it together."""


class Superseded(RuntimeError):  # noqa: N818 - the outcome's name
    """A later attempt or incarnation of the run exists; all ranks raise it together."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An exception as an exit record tells it. secondary: another rank's end is the cause."""

    outcome: str
    message: str
    traceback: str = ""
    secondary: bool = False


def classify(error: BaseException) -> Failure:
    """The failure that an exception means."""
    words = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, Diverged):
        return Failure(outcome="diverged", message=str(error))
    if isinstance(error, Superseded):
        return Failure(outcome="superseded", message=str(error))
    if isinstance(error, SpecError):
        return Failure(outcome="error", message=str(error))
    trace = "".join(traceback.format_exception(error)).splitlines()[-_TAIL:]
    tail = "\n".join(trace)
    if space.is_full(error):
        return Failure(outcome="disk full", message=words)
    if isinstance(error, torch.OutOfMemoryError):
        return Failure(outcome="cuda out of memory", message=words, traceback=tail)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)):
        return Failure(outcome="out of memory", message=words, traceback=tail)
    return Failure(outcome="error", message=words, traceback=tail, secondary=_is_communication(error))


def _is_communication(error: BaseException) -> bool:
    """Whether a rank failed because it could not reach another. Gloo raises plain RuntimeErrors in its own words."""
    if isinstance(error, DistError | RendezvousError | ConnectionError):
        return True
    return type(error) is RuntimeError and _COMMUNICATION.search(str(error)) is not None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:500] if lines else "no message"
