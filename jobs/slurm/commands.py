"""Running SLURM's commands: with a time limit, in English, and untouched by the user's own format settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence

from attnctl.values import SpecError

TIMEOUT = 30.0
"""Seconds that a question may take. A controller that is down makes squeue give up by itself after about 10."""

_KEPT = {"SLURM_CONF", "SLURM_CLUSTERS"}
_DROPPED_PREFIXES = ("SLURM_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SRUN_", "PMI", "ATTNCTL_")
# What would make a worker believe that somebody has placed it already.
_DROPPED = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


class SlurmUnavailable(SpecError):  # noqa: N818 - what it is, not how it is raised
    """SLURM did not answer; nothing follows from that. The message holds its own words."""


class CommandError(Exception):
    """A command of SLURM ended with an error, did not end in time, or is not there.

    timed_out: it was ended by us, so what it had asked for may yet happen.
    """

    def __init__(self, words: str, *, timed_out: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.timed_out = timed_out


def environment() -> dict[str, str]:
    """The environment for SLURM's commands, and through sbatch for the jobs.

    The variables of an enclosing allocation or launcher are left out: they would override what the script asks for.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or (name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES))
    }


def run(command: Sequence[str], *, timeout: float = TIMEOUT, stdin: str | None = None, merged: bool = False) -> str:
    """What the command prints (its standard error too, if `merged`); raises CommandError."""
    try:
        done = subprocess.run(
            command,
            input=None if stdin is None else os.fsencode(stdin),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env=environment(),
            check=False,
        )
    except FileNotFoundError:
        raise CommandError(f"{command[0]} is not on this machine") from None
    except OSError as error:
        raise CommandError(f"{command[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        said = one_line(os.fsdecode(error.stderr or b""))
        words = f"{command[0]} did not answer within {timeout:g} s"
        raise CommandError(f"{words}: {said}" if said else words, timed_out=True) from None
    output, errors = (os.fsdecode(stream) for stream in (done.stdout, done.stderr))
    if done.returncode:
        raise CommandError(one_line(errors or output) or f"{command[0]} ended with code {done.returncode}")
    return output + errors if merged else output


def table(text: str, columns: int, command: str) -> Iterator[list[str]]:
    """The rows of columns between bars that a command printed; only the last may hold a bar itself.

    A line that is no such row is somebody else's: a site's greeting, or a job's name with a line break. Raises
    CommandError for output that was cut off, since what is missing of it would look like jobs that are not there.
    """
    if text and not text.endswith("\n"):
        raise CommandError(f"the answer of {command} was cut off")
    for line in text.split("\n"):
        row = line.split("|", columns - 1)
        if len(row) == columns:
            yield row


def one_line(text: str) -> str:
    """A command's complaint as one line, each part once, without the command's name before it."""
    parts = [part.strip() for part in text.splitlines() if part.strip()]
    bare = [part.split(": error: ", 1)[-1].split(": fatal: ", 1)[-1] for part in parts]
    return "; ".join(dict.fromkeys(bare))[:1000]
