"""The circuit breaker of a submission: if several of its runs fail with the same error at their start, hold the others.

On SLURM `guard.sh` does this in the job's script, because a failing setup never reaches Python. For local runs the
supervisor does it.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from attnctl.files import private_folder, read_regular, write_atomic
from attnctl.lifecycle.resume_policy import held_message, normalised
from attnctl.settings.config import Config
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import Exit

_MAX_LENGTH = 500


def prepare(workspace: Workspace, tag: str, tasks: Sequence[tuple[str, int]], runs_per_job: int = 0) -> None:
    """Write the files that the job script needs next to the submission's logs. Raises OSError.

    runs_per_job: how many of the tasks share an element of the array; 0 if each has its own.
    """
    folder = workspace.submission_logs(tag)
    private_folder(folder, workspace.private)
    (folder / "guard.sh").write_text(_guard())
    size = runs_per_job or 1
    elements = (tasks[first : first + size] for first in range(0, len(tasks), size))
    lines = (" ".join(f"{run} {attempt}" for run, attempt in element) for element in elements)
    (folder / "tasks").write_text("".join(f"{line}\n" for line in lines))


def wrap_setup(
    config: Config, tag: str, setup: Sequence[str], python: str | None = None, *, shared: bool = False
) -> list[str]:
    """The lines of the job script that run the user's setup under the guard.

    python: the interpreter of the training processes (None: this one); "" if the node need not have it. shared: whether
    several runs share the job.
    """
    folder = config.workspace.submission_logs(tag).absolute()
    arguments = [str(folder / "guard.sh"), str(folder), str(config.workspace.runs.absolute())]
    arguments += [str(config.resume.same_error), sys.executable if python is None else python]
    arguments += ["the supervisor"] if shared else []
    # A signal to the script must not end the job before the supervisor has asked SLURM to start it again.
    ignored = ["trap : TERM"] if shared else []
    return [*_check_lines(config, arguments[0]), f". {shlex.join(arguments)}", *setup, "attnctl_ready", *ignored]


def _check_lines(config: Config, path: str) -> list[str]:
    """In a group workspace, where others can change guard.sh, the line that ends the job if one has."""
    if not config.workspace.group:
        return []
    expected = hashlib.sha256(_guard().encode()).hexdigest()
    reason = shlex.quote(f"attnctl: {path} was changed after it was written: run attnctl resume")
    return [f'[ "$(sha256sum < {shlex.quote(path)})" = "{expected}  -" ] || {{ echo {reason} >&2; exit 1; }}']


def _guard() -> str:
    return files("attnctl.jobs.submission").joinpath("guard.sh").read_text()


def record_error(workspace: Workspace, tag: str, task: int, message: str) -> None:
    """Record that a run of the submission failed with this error before its first training step."""
    line = " ".join(message.split())[:_MAX_LENGTH]
    write_atomic(_early(workspace, tag) / str(task), f"{normalised(line)}\n{line}\n".encode())


def error_at_start(workspace: Workspace, tag: str, task: int) -> str:
    """The error with which a run of the submission failed before its first training step; empty if it did not."""
    try:
        return read_regular(_early(workspace, tag) / str(task)).decode(errors="replace").partition("\n")[2].strip()
    except OSError:
        return ""


def hold_reason(workspace: Workspace, tag: str, limit: int) -> str | None:
    """Why no more runs of the submission may start, or None. limit: how many equal errors it takes; 0 for never."""
    messages: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for path in _early(workspace, tag).glob("[!.]*") if limit else ():
        with contextlib.suppress(OSError):  # a record that cannot be read counts for nothing
            error, _, message = read_regular(path).decode(errors="replace").partition("\n")
            counts[error] += 1
            messages[error] = message.strip()
    for error, number in counts.most_common(1):
        if number >= limit:
            return held_message(number, messages[error])
    return None


def hold(attempt: Attempt, reason: str, host: str) -> None:
    """Write the exit record of a run that is held instead of started."""
    record = Exit(rank=0, at=time.time(), outcome="held", message=reason, host=host)
    write_atomic(attempt.incarnation(0).exit(0), record.encode(), durable=True)


def _early(workspace: Workspace, tag: str) -> Path:
    return workspace.submission_logs(tag) / "early"
