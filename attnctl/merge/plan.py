"""The plan of a merge: what to do with each run, and what to skip and why. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attnctl.lifecycle.results import Row, disagreement
from attnctl.lifecycle.run_history import Histories, RunHistory
from attnctl.merge.attempts import MergedAttempt, join, requests
from attnctl.merge.files import links
from attnctl.values import SpecError
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import RecordError

Track = Callable[[Sequence[str]], Iterable[str]]
"""Iterates over the runs, and may show progress."""


@dataclass
class Plan:
    """The ids of the runs, by what the merge does with them."""

    new: list[str] = field(default_factory=list)
    """Runs only in the other workspace: copied unchanged."""
    extended: dict[str, list[MergedAttempt]] = field(default_factory=dict)
    """Runs in both: the attempts in their new order, at least one of them from the other workspace."""
    same: list[str] = field(default_factory=list)
    """Runs of which the other workspace has nothing new."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Runs active in one of the workspaces, with a message that says where."""
    broken: dict[str, str] = field(default_factory=dict)
    """Runs that cannot be read, with error messages."""
    alarms: dict[str, str] = field(default_factory=dict)
    """Messages about runs whose CPU attempts in the two workspaces differ although training is deterministic."""

    links: list[str] = field(default_factory=list)
    """What is not copied, in words: symbolic links, and files that are not regular ones."""

    @property
    def present(self) -> list[str]:
        """The runs of the other workspace that this one has after the merge."""
        return sorted([*self.new, *self.extended, *self.same])


def plan(ours: Workspace, theirs: Workspace, track: Track = iter) -> Plan:
    """Plan the merge of every run of the other workspace."""
    result, sides = Plan(), (Histories(ours), Histories(theirs))
    our_runs = set(ours.run_ids())
    for run in track(theirs.run_ids()):
        try:
            _plan_run(result, run, sides, in_both=run in our_runs)
        except RecordError as error:
            result.broken[run] = str(error)
        except OSError as error:
            result.broken[run] = f"{error.filename}: {error.strerror}"
    result.links = list(links(_copied_folders(theirs, result.present)))
    return result


def _copied_folders(theirs: Workspace, runs: Sequence[str]) -> Iterator[Path]:
    """The folders of the other workspace from which files are copied."""
    for run in map(theirs.run, runs):
        yield run.path
        if not run.checkpoints.is_relative_to(run.path):
            yield run.checkpoints
    yield from (theirs.sweeps, theirs.submissions, theirs.sources, theirs.weights_folder)
    yield from (theirs.imports_folder, theirs.datasets, theirs.annotations)


def _check_no_links(run: RunDir) -> None:
    """Raise RecordError if what tells of a run in another workspace is a link, which could lead anywhere."""
    of_attempts = [part for attempt in run.attempts() for part in (attempt.path, attempt.request)]
    for path in (run.path, run.spec, run.attempts_folder, *of_attempts):
        if path.is_symlink():
            raise RecordError(f"{path} is a symbolic link; only regular files are merged")


def check(ours: Workspace, theirs: Workspace) -> None:
    """Raise SpecError if the other folder is not a workspace, or is this one."""
    our_root, their_root = ours.root.resolve(), theirs.root.resolve()
    if not their_root.is_dir():
        raise SpecError(f"there is no folder {theirs.root}")
    if their_root == our_root or theirs.runs.resolve() == ours.runs.resolve():
        raise SpecError(f"{theirs.root} is this workspace itself")
    measured = (theirs.bench, theirs.trials_folder, theirs.packing_folder)
    folders = (theirs.runs, theirs.sweeps, theirs.imports_folder, *measured)
    if not any(part.is_dir() for part in folders):
        raise SpecError(f"{theirs.root} is not a workspace: it has no runs, sweeps, imports or measurements")


def _plan_run(result: Plan, run: str, sides: tuple[Histories, Histories], *, in_both: bool) -> None:
    ours, theirs = sides
    joined: list[MergedAttempt] = []
    _check_no_links(theirs.workspace.run(run))
    if in_both:
        joined = join(ours.workspace.run(run), theirs.workspace.run(run))
        if not any(item.changed for item in joined):
            result.same.append(run)
            return
    else:
        requests(theirs.workspace.run(run))
    their_history = _read_history(theirs, run)
    our_history = _read_history(ours, run) if in_both else None
    for history, side in ((our_history, "here"), (their_history, "there")):
        if history is not None and history.verdict.state.active:
            result.left_out[run] = f"{history.verdict.state} {side}"
            return
    if our_history is None:
        result.new.append(run)
        return
    result.extended[run] = joined
    alarm = _disagreement(joined, our_history, their_history)
    if alarm is not None:
        result.alarms[run] = alarm


def _read_history(histories: Histories, run: str) -> RunHistory:
    history = histories.read(run)
    if history.problems:
        raise RecordError(history.problems[0])
    return history


def _disagreement(joined: Sequence[MergedAttempt], our_history: RunHistory, their_history: RunHistory) -> str | None:
    """A message about the first value in which CPU attempts differ, with their new numbers; else None."""
    rows: list[Row] = []
    devices: dict[tuple[int, int], str] = {}
    for number, item in enumerate(joined, 1):
        facts, original = (their_history.facts, item.theirs) if item.changed else (our_history.facts, item.ours)
        rows += [
            (evaluation.step, name, number, token[1], evaluation.epoch, value)
            for token, evaluation in facts.fresh
            if token[0] == original
            for name, value in evaluation.values.items()
        ]
        devices |= {(number, token[1]): name for token, name in facts.devices().items() if token[0] == original}
    return disagreement(sorted(rows, key=lambda row: (row[0], row[2], row[3], row[1])), devices)
