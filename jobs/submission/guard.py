"""The breaker of a submission: when several of its runs have met one error at their start, the others are held.

On SLURM the job's script does it, by `guard.sh`, since a setup that fails never comes to Python; here the supervisor.
"""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from attnctl.files import private_folder, write_atomic
from attnctl.lifecycle.resume_policy import held_message, normalised
from attnctl.settings.config import Config
from attnctl.workspace.layout import Attempt, Workspace
from attnctl.workspace.records import Exit

_LONGEST = 500


def prepare(workspace: Workspace, tag: str, tasks: Sequence[tuple[str, int]]) -> None:
    """Put beside the submission what its jobs' scripts need. Raises OSError."""
    folder = workspace.submission_logs(tag)
    private_folder(folder, workspace.private)
    (folder / "guard.sh").write_text(files("attnctl.jobs.submission").joinpath("guard.sh").read_text())
    (folder / "tasks").write_text("".join(f"{run} {attempt}\n" for run, attempt in tasks))


def around(config: Config, tag: str, setup: Sequence[str]) -> list[str]:
    """The script's lines of setup, watched."""
    folder = config.workspace.submission_logs(tag).absolute()
    words = [str(folder / "guard.sh"), str(folder), str(config.workspace.runs.absolute())]
    return [f". {shlex.join([*words, str(config.resume.same_error)])}", *setup, "attnctl_ready"]


def count(workspace: Workspace, tag: str, task: int, message: str) -> None:
    """Write down that a run of the submission has met this error before it trained a step."""
    words = " ".join(message.split())[:_LONGEST]
    write_atomic(_early(workspace, tag) / str(task), f"{normalised(words)}\n{words}\n".encode())


def held(workspace: Workspace, tag: str, limit: int) -> str | None:
    """Why no more runs of the submission are started; None when they are. limit: 0 for never."""
    found: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for path in _early(workspace, tag).glob("[!.]*") if limit else ():
        error, _, words = path.read_text(errors="replace").partition("\n")
        counted[error] += 1
        found[error] = words.strip()
    for error, number in counted.most_common(1):
        if number >= limit:
            return held_message(number, found[error])
    return None


def hold(attempt: Attempt, words: str, host: str) -> None:
    """Leave the record of a run that is not started."""
    record = Exit(rank=0, at=time.time(), outcome="held", message=words, host=host)
    write_atomic(attempt.incarnation(0).exit(0), record.encode(), durable=True)


def _early(workspace: Workspace, tag: str) -> Path:
    return workspace.submission_logs(tag) / "early"
