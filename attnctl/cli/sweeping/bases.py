"""The runs from whose weights a sweep's runs start: completed, under way, or to be trained first (`--with-bases`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from attnctl.lifecycle import base_run
from attnctl.lifecycle.base_run import BaseRun
from attnctl.lifecycle.state import State
from attnctl.spec import RunSpec
from attnctl.values import SpecError, first_of
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import RecordError, Where

_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Bases:
    """train: bases to be trained first, each before the runs that start from it. waits_for: those that SLURM trains.

    missing: bases that are not trained, with the command that trains them, in one line; empty if there are none.
    """

    train: list[RunSpec] = field(default_factory=list)
    waits_for: list[BaseRun] = field(default_factory=list)
    missing: str = ""


def find(
    workspace: Workspace,
    runs: Sequence[RunSpec],
    where: Where,
    *,
    with_bases: bool,
    retry_failed: bool,
    rows: Mapping[str, str],
) -> Bases:
    """The bases of runs that are to start. Raises SpecError for a base that cannot be used or trained.

    with_bases: what is missing is trained first. retry_failed: also what failed. rows: of a paper's table, by run.
    """
    lacking: dict[str, RunSpec] = {}
    waiting: dict[str, BaseRun] = {}
    queue, own = list(runs), {spec.id for spec in runs}
    while queue:
        spec = queue.pop(0)
        if spec.base is None or spec.base in own | lacking.keys() | waiting.keys():
            continue
        base = base_run.read(workspace, spec.base)
        if base.state is State.COMPLETED:
            _check_weights(workspace, spec.base)
        elif base.continues and where == "slurm":
            waiting[spec.base] = base
        else:
            lacking[spec.base] = _trainable(workspace, spec, base, with_bases, retry_failed)
            queue.append(lacking[spec.base])
    train = [*reversed(lacking.values())]
    if train and not with_bases:
        return Bases(
            waits_for=[*waiting.values()],
            missing=_missing([spec for spec in runs if spec.base in lacking], train, rows),
        )
    return Bases(train=train, waits_for=[*waiting.values()])


def _trainable(workspace: Workspace, spec: RunSpec, base: BaseRun, with_bases: bool, retry_failed: bool) -> RunSpec:
    """The base that has to be trained; raises SpecError if that is not possible."""
    run, origin = workspace.run(base.id), spec.origin
    if origin is None and with_bases:
        with suppress(RecordError):
            origin = run.read_spec()
    if origin is None or base.state.active:
        raise SpecError(_not_completed(run, base))
    if with_bases and base.state.failed and not retry_failed:
        raise SpecError(f"base {base.id}{_label(run)} failed; --retry-failed trains it again")
    return origin


def _missing(runs: Sequence[RunSpec], train: Sequence[RunSpec], rows: Mapping[str, str]) -> str:
    waiting = _some(rows.get(spec.id, f"{spec.label()} {spec.network}") for spec in runs)
    bases = _some(f"{spec.label()} {spec.network} {spec.dataset}" for spec in train)
    return f"{waiting} would start from runs that are not trained: {bases}; add --with-bases to train them first"


def _some(names: Iterable[str]) -> str:
    return first_of(list(dict.fromkeys(names)), _SHOWN)


def _check_weights(workspace: Workspace, run_id: str) -> None:
    """Raise SpecError for a completed run without a checkpoint."""
    from attnctl.workspace import checkpoints

    run = workspace.run(run_id)
    if not checkpoints.located(run):
        raise SpecError(f"--init: run {run_id}{_label(run)} no longer has a checkpoint; name another run, or a file")


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
