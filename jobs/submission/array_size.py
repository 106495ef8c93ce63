"""Finds out how many runs SLURM accepts in one array, before anything is written.

`sbatch --test-only` validates the request and checks the number of array tasks against the limits on submitted jobs
(QOSMaxSubmitJobPerUserLimit, AssocMaxSubmitJobLimit, MaxJobCount ...) and on the size of arrays, as a real submission
does. If a limit is exceeded, a binary search finds the largest number that is accepted.

It then also looks for nodes on which the job could start, and rejects jobs that a real sbatch queues: while all nodes
are drained, for example, "Requested node configuration is not available" (job_start_data in slurmctld's job_mgr.c).
Only sbatch itself can tell whether it takes such a job, so that message is no more than a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT
from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable
from attnctl.jobs.slurm.sbatch import sbatch
from attnctl.lifecycle.state import NO_PLACE
from attnctl.values import SpecError

_UNREACHABLE = re.compile(r"Unable to contact slurm controller|Connection refused|Could not establish|is not installed")
# After these messages of sbatch the job may or may not exist: only a later query can tell.
_UNCERTAIN = re.compile(r"timed out|Socket|Zero Bytes|Unexpected message|communication", re.IGNORECASE)
# From sbatch.c, and slurm_strerror for ESLURM_ACCOUNTING_POLICY, EAGAIN and ESLURM_INVALID_ARRAY. The first of these
# errors can also mean that the requested time or size is too large; then a single run is rejected as well.
_LIMIT = re.compile(
    r"job submit limit|SubmitJob|Resource temporarily unavailable|temporarily unable to accept|queue (is )?full"
    r"|Invalid job array specification",
    re.IGNORECASE,
)
# Errors that slurmctld raises before it looks for nodes, and errors of sbatch's own options: a real sbatch raises them
# too (_job_create in job_mgr.c; slurm_strerror).
_INVALID = re.compile(
    r"invalid (partition|account|qos|feature|generic resource|license|wckey|reservation)|reservation is invalid"
    r"|Job violates accounting/QOS policy|(invalid|unrecognized|ambiguous|unknown) option|Invalid --",
    re.IGNORECASE,
)
_NODES = re.compile(r"\bnodes?\b", re.IGNORECASE)
_ARRAY_LIMIT = re.compile(r"Invalid job array specification", re.IGNORECASE)
_FULL = re.compile(r"SubmitJob|temporarily|queue (is )?full", re.IGNORECASE)


class SubmitError(SpecError):
    """SLURM rejected the submission, or its files could not be written; the message contains the original error.

    written: the runs and their attempts were already recorded in the workspace.
    """

    def __init__(self, message: str, *, written: bool = False) -> None:
        super().__init__(message)
        self.written = written


class NoPlaceError(SubmitError):
    """SLURM does not take the runs now, but will later: a limit on submitted jobs is reached, or their base has no job.

    base: the run that they wait for; empty if they wait for a place.
    """

    def __init__(self, message: str, *, written: bool = False, base: str = "") -> None:
        super().__init__(message, written=written)
        self.base = base


def is_full(message: str) -> bool:
    """Whether SLURM rejected a job with this message because a limit on submitted jobs is reached."""
    return _FULL.search(message) is not None


def no_place(message: str) -> str:
    """The reason of runs for which SLURM has no place, from its message: without what it says of every such limit."""
    return f"{NO_PLACE}: {message.partition(';')[0]}"


def uncertain(error: CommandError) -> bool:
    """Whether SLURM may have accepted the job although sbatch failed."""
    unreachable = _UNREACHABLE.search(error.message) is not None
    return not unreachable and (error.timed_out or _UNCERTAIN.search(error.message) is not None)


@dataclass(frozen=True)
class ArraySize:
    """How many runs SLURM accepts in one array.

    by_array: the limit is on the array's size. warning: why the jobs cannot start at present; empty if they can.
    """

    count: int
    by_array: bool = False
    warning: str = ""


def find(script: Callable[[int], str], wanted: int, *, cautious: bool = False) -> ArraySize:
    """How many of `wanted` runs SLURM accepts in one array.

    script: returns the text for an array of that many runs. cautious: what --test-only rejects is not tried, unless no
    node is available at present: where compute nodes may not call sbatch, it is better to wait.

    Raises SlurmUnavailable, NoPlaceError if a limit on submitted jobs is reached, and SubmitError with SLURM's message
    if it rejects even a single run for another reason.
    """
    error = _rejection(script(wanted))
    if error is None or (_doubtful(error) and (not cautious or _NODES.search(error))):
        return ArraySize(wanted, warning=error or "")
    if not _LIMIT.search(error):
        raise SubmitError(f"SLURM rejected the job: {error}")
    single = _rejection(script(1)) if wanted > 1 else error
    if single is not None and not _doubtful(single):
        if is_full(single):
            raise NoPlaceError(no_place(single))
        raise SubmitError(f"SLURM rejected the job: {single}")
    accepted, rejected = 1, wanted
    while rejected - accepted > 1:
        middle = (accepted + rejected) // 2
        refusal = _rejection(script(middle))
        if refusal is None or _doubtful(refusal):
            accepted = middle
        else:
            rejected, error = middle, refusal
    return ArraySize(accepted, _ARRAY_LIMIT.search(error) is not None, warning=single or "")


def _doubtful(error: str) -> bool:
    """Whether a real sbatch may accept what --test-only rejected with this message."""
    return not _LIMIT.search(error) and not _INVALID.search(error)


def _rejection(script: str) -> str | None:
    """The message with which --test-only rejects the script, None if it accepts it; raises SlurmUnavailable."""
    try:
        sbatch(script, "--test-only", timeout=SBATCH_TIMEOUT)
    except CommandError as error:
        message = error.message.replace("allocation failure: ", "")
        if _LIMIT.search(message):
            return message
        if error.timed_out or _UNREACHABLE.search(message) or _UNCERTAIN.search(message):
            raise SlurmUnavailable(f"SLURM does not answer: {message}") from error
        return message
    return None
