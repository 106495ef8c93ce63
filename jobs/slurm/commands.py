"""Runs SLURM's commands with a time limit and without the user's own output settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from attnctl.values import SpecError

NO_ANSWER = "SLURM does not answer"
"""What every message begins with that says so."""

TIMEOUT = 30.0
"""Seconds until a query is stopped. If the controller is down, squeue gives up by itself after about 10."""

_KEPT = {"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT"}
"""How the commands find their cluster and prove who they are."""
_DROPPED_PREFIXES = ("SLURM_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SRUN_", "PMI", "ATTNCTL_")
# A worker that inherits these would take itself for a rank of an enclosing launcher, such as torchrun.
_DROPPED = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


class SlurmUnavailable(SpecError):  # noqa: N818 - it names the condition
    """SLURM did not answer, so nothing is known about any job. The message contains SLURM's own message."""


class CommandError(Exception):
    """A SLURM command failed, timed out, or is not installed.

    timed_out: we stopped the command, so SLURM may still carry it out.
    """

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.timed_out = timed_out


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for SLURM's commands and, through sbatch, for the jobs.

    It lacks the variables of an enclosing allocation or launcher, which the commands would obey.
    """
    return {
        name: value
        for name, value in environ.items()
        if name in _KEPT or (name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES))
    }


def run(
    command: Sequence[str],
    *,
    timeout: float = TIMEOUT,
    stdin: str | None = None,
    merged: bool = False,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command and return its output (with `merged`, also its standard error). Raises CommandError.

    env: its environment, by default the result of `environment`.
    """
    try:
        done = subprocess.run(
            command,
            input=None if stdin is None else os.fsencode(stdin),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env=environment() if env is None else env,
            check=False,
        )
    except FileNotFoundError:
        raise CommandError(f"{command[0]} is not installed on this machine") from None
    except OSError as error:
        raise CommandError(f"{command[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        detail = one_line(os.fsdecode(error.stderr or b""))
        message = f"{command[0]} did not answer within {timeout:g} s"
        raise CommandError(f"{message}: {detail}" if detail else message, timed_out=True) from None
    output, errors = (os.fsdecode(stream) for stream in (done.stdout, done.stderr))
    if done.returncode:
        raise CommandError(one_line(errors or output) or f"{command[0]} failed with exit code {done.returncode}")
    return output + errors if merged else output


def on_cluster(cluster: str | None) -> list[str]:
    """The option of SLURM's commands that addresses another cluster; empty for the local one."""
    return [] if cluster is None else ["-M", cluster]


def parse_table(text: str, columns: int, command: str) -> Iterator[list[str]]:
    """The rows of output whose columns are separated by bars; only the last column may contain a bar.

    Lines with fewer columns are skipped: they are a site's banner, or part of a job name with a line break. Raises
    CommandError if the output was cut off: the missing rows would look like jobs that no longer exist.
    """
    if text and not text.endswith("\n"):
        raise CommandError(f"the output of {command} was cut off")
    for line in text.split("\n"):
        row = line.split("|", columns - 1)
        if len(row) == columns:
            yield row


def one_line(text: str) -> str:
    """A command's error output as one line, without repetitions and without the command's name."""
    parts = [part.strip() for part in text.splitlines() if part.strip()]
    bare = [part.split(": error: ", 1)[-1].split(": fatal: ", 1)[-1] for part in parts]
    return "; ".join(dict.fromkeys(bare))[:1000]
