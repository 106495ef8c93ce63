"""`--init`: the weights that runs start from, a run's or a file's."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from attnctl.cli import run_selection
from attnctl.files import made_aside, sync_folder
from attnctl.lifecycle import base_run
from attnctl.lifecycle.base_run import BaseRun
from attnctl.lifecycle.state import State
from attnctl.spec import Start
from attnctl.values import SpecError
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import RecordError, Where

_BLOCK = 1 << 24


@dataclass(frozen=True)
class Weights:
    """identity: what `RunSpec.init` holds. file: to be kept in the workspace. waits_for: the run, if it has not
    completed but a job of SLURM trains it or will train it."""

    identity: str = ""
    file: Path | None = None
    waits_for: BaseRun | None = None

    def check(self, workspace: Workspace, where: Where) -> None:
        """Raise SpecError if the runs would have to wait for their weights but do not go to SLURM."""
        if self.waits_for is not None and where != "slurm":
            raise SpecError(_not_completed(workspace.run(self.waits_for.id), self.waits_for))

    @property
    def files(self) -> dict[str, Path]:
        """SHA-256 -> the file."""
        return {Start.of(self.identity).file: self.file} if self.file is not None else {}

    def keep(self, workspace: Workspace) -> None:
        """Copy the file into the workspace, by content: what waits starts from what was submitted."""
        if self.file is not None:
            digest = Start.of(self.identity).file
            if not workspace.weights(digest).exists():
                _copy(self.file, workspace.weights(digest), digest)


def _copy(source: Path, target: Path, digest: str) -> None:
    """Copy a file durably, in little memory. Raises SpecError if its SHA-256 is no longer the digest."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with made_aside(target) as aside:
        with source.open("rb") as stream, aside.open("wb") as copy:
            shutil.copyfileobj(stream, copy, _BLOCK)
            copy.flush()
            os.fsync(copy.fileno())
        if _sha256(aside) != digest:
            raise SpecError(f"--init: {source} was changed while it was being copied; sweep again")
    sync_folder(target.parent)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find(workspace: Workspace, text: str | None, *, partial: bool = False) -> Weights:
    """The weights that `--init` names: a file, or a run that is completed or on SLURM; raises SpecError.

    partial: weights that fit only partly are accepted.
    """
    if text is None:
        if partial:
            raise SpecError("--init-partial needs --init")
        return Weights()
    from attnctl.workspace import weight_files  # imports pickletools

    path = Path(text).expanduser()
    if path.is_file():
        weight_files.check(path)
        return Weights(str(Start(file=_sha256(path), partial=partial)), path)
    found = run_selection.beginning(text, workspace.run_ids())
    if len(found) != 1:
        words = f"matches {len(found)} runs; type more digits" if found else "is neither a file nor a run's id"
        raise SpecError(f"--init {text!r} {words}")
    base = _check_weights(workspace, found[0])
    return Weights(str(Start(run=found[0], partial=partial)), waits_for=None if base.state is State.COMPLETED else base)


def _check_weights(workspace: Workspace, run_id: str) -> BaseRun:
    """The run, if it has completed, so that its newest checkpoint is that of its last step, or if a job of SLURM trains
    it; raises SpecError for any other run."""
    from attnctl.workspace import checkpoints

    run, base = workspace.run(run_id), base_run.read(workspace, run_id)
    if base.state is not State.COMPLETED and not base.continues:
        raise SpecError(_not_completed(run, base))
    if base.state is State.COMPLETED and not checkpoints.located(run):
        raise SpecError(f"--init: run {run_id}{_label(run)} no longer has a checkpoint; name another run, or a file")
    return base


def _not_completed(run: RunDir, base: BaseRun) -> str:
    return f"--init: run {run.id}{_label(run)} is {base.state}, not completed; {_advice(base.state, run.id)}"


def _label(run: RunDir) -> str:
    with suppress(RecordError):
        spec = run.read_spec()
        return f" ({spec.label()}, {spec.network}, {spec.dataset})"
    return ""


def _advice(state: State, run_id: str) -> str:
    if state is State.NEW:
        return "train it first with `attnctl sweep`"
    if state.active:
        return f"wait for it (attnctl status {run_id} --watch), then sweep again"
    return f"finish it first: attnctl resume {run_id}"
