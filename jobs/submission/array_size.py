"""How many runs SLURM takes in one array: it judges the request, and its own limits, before anything is written.

`sbatch --test-only` counts the array's elements against the limits on submitted jobs (QOSMaxSubmitJobPerUserLimit,
AssocMaxSubmitJobLimit ..., MaxJobCount) and on arrays, as a submission does. Where these are met, the largest number
that passes is searched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT
from attnctl.jobs.slurm.commands import CommandError, SlurmUnavailable, run
from attnctl.values import SpecError

_SILENT = re.compile(
    r"Unable to contact slurm controller|Connection refused|Could not establish|is not on this machine"
)
# Words of sbatch after which the job may exist all the same, or may not: only a later look can tell.
_UNCERTAIN = re.compile(r"timed out|Socket|Zero Bytes|Unexpected message|communication", re.IGNORECASE)
# sbatch.c, and slurm_strerror of ESLURM_ACCOUNTING_POLICY, EAGAIN and ESLURM_INVALID_ARRAY. The first also stands for a
# time or a size that is too large: then one run alone is refused as well.
_LIMIT = re.compile(
    r"job submit limit|SubmitJob|Resource temporarily unavailable|temporarily unable to accept|queue (is )?full"
    r"|Invalid job array specification",
    re.IGNORECASE,
)
_ARRAY = re.compile(r"Invalid job array specification", re.IGNORECASE)
_FULL = re.compile(r"SubmitJob|temporarily|queue (is )?full", re.IGNORECASE)


class SubmitError(SpecError):
    """SLURM, or the workspace's file system, refused; the message has their own words.

    written: the runs and their attempts stand in the workspace all the same.
    """

    def __init__(self, words: str, *, written: bool = False) -> None:
        super().__init__(words)
        self.written = written


def uncertain(error: CommandError) -> bool:
    """Whether the job may have been taken although sbatch failed."""
    return not _SILENT.search(error.words) and (error.timed_out or _UNCERTAIN.search(error.words) is not None)


def find(script: Callable[[int], str], wanted: int) -> tuple[int, bool]:
    """How many of the `wanted` runs SLURM takes in one array, and whether it is the array's size that it limits.

    script: the text for an array of so many. Raises SlurmUnavailable, SubmitError with SLURM's words for a request that
    it refuses whatever the number.
    """
    words = _refusal(script(wanted))
    if words is None:
        return wanted, False
    if not _LIMIT.search(words):
        raise SubmitError(f"SLURM refuses: {words}")
    alone = _refusal(script(1)) if wanted > 1 else words
    if alone is not None:
        if _FULL.search(alone):
            raise SubmitError(f"SLURM takes no more runs now: {alone}; when some have ended, the same command goes on")
        raise SubmitError(f"SLURM refuses: {alone}")
    few, many = 1, wanted
    while many - few > 1:
        middle = (few + many) // 2
        found = _refusal(script(middle))
        few, many, words = (middle, many, words) if found is None else (few, middle, found)
    return few, _ARRAY.search(words) is not None


def _refusal(script: str) -> str | None:
    """SLURM's words against the request, None when it would take it; raises SlurmUnavailable."""
    try:
        run(["sbatch", "--test-only"], stdin=script, timeout=SBATCH_TIMEOUT)
    except CommandError as error:
        words = error.words.replace("allocation failure: ", "")
        if _LIMIT.search(words):
            return words
        if error.timed_out or _SILENT.search(words) or _UNCERTAIN.search(words):
            raise SlurmUnavailable(f"SLURM does not answer: {words}") from error
        return words
    return None
