"""The plan of a merge: what to do with each run, and what to skip and why. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from attnctl.lifecycle.results import Row, disagreement
from attnctl.lifecycle.run_history import Histories, History
from attnctl.merge.attempts import Joined, join, requests
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

Track = Callable[[Sequence[str]], Iterable[str]]
"""Iterates over the runs, and may show progress."""


@dataclass
class Plan:
    """The ids of the runs, by what the merge does with them."""

    new: list[str] = field(default_factory=list)
    """Runs only in the other workspace: copied unchanged."""
    extended: dict[str, list[Joined]] = field(default_factory=dict)
    """Runs in both: the attempts in their new order, at least one of them from the other workspace."""
    same: list[str] = field(default_factory=list)
    """Runs of which the other workspace has nothing new."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Runs active in one of the workspaces, with a message that says where."""
    broken: dict[str, str] = field(default_factory=dict)
    """Runs that cannot be read, with error messages."""
    alarms: dict[str, str] = field(default_factory=dict)
    """Messages about runs whose CPU attempts in the two workspaces differ although training is deterministic."""

    @property
    def present(self) -> list[str]:
        """The runs of the other workspace that this one has after the merge."""
        return sorted([*self.new, *self.extended, *self.same])


def plan(ours: Workspace, theirs: Workspace, track: Track = iter) -> Plan:
    """Plan the merge of every run of the other workspace."""
    result, sides = Plan(), (Histories(ours), Histories(theirs))
    there = set(ours.run_ids())
    for run in track(theirs.run_ids()):
        try:
            _plan_run(result, run, sides, known=run in there)
        except RecordError as error:
            result.broken[run] = str(error)
        except OSError as error:
            result.broken[run] = f"{error.filename}: {error.strerror}"
    return result


def check(ours: Workspace, theirs: Workspace) -> None:
    """Raise SpecError if the other folder is not a workspace, or is this one."""
    root, other = ours.root.resolve(), theirs.root.resolve()
    if not other.is_dir():
        raise SpecError(f"there is no folder {theirs.root}")
    if other == root or theirs.runs.resolve() == ours.runs.resolve():
        raise SpecError(f"{theirs.root} is this workspace itself")
    parts = (theirs.runs, theirs.sweeps, theirs.imports_folder, theirs.bench)
    if not any(part.is_dir() for part in parts):
        raise SpecError(f"{theirs.root} is not a workspace: it has no runs, sweeps, imports or measurements")


def _plan_run(found: Plan, run: str, sides: tuple[Histories, Histories], *, known: bool) -> None:
    ours, theirs = sides
    joined: list[Joined] = []
    if known:
        joined = join(ours.workspace.run(run), theirs.workspace.run(run))
        if not any(item.changed for item in joined):
            found.same.append(run)
            return
    else:
        requests(theirs.workspace.run(run))
    other = _read(theirs, run)
    own = _read(ours, run) if known else None
    for history, words in ((own, "here"), (other, "there")):
        if history is not None and history.verdict.state.active:
            found.left_out[run] = f"{history.verdict.state} {words}"
            return
    if own is None:
        found.new.append(run)
        return
    found.extended[run] = joined
    alarm = _disagreement(joined, own, other)
    if alarm is not None:
        found.alarms[run] = alarm


def _read(histories: Histories, run: str) -> History:
    history = histories.read(run)
    if history.problems:
        raise RecordError(history.problems[0])
    return history


def _disagreement(joined: Sequence[Joined], own: History, other: History) -> str | None:
    """A message about the first value in which CPU attempts differ, with their new numbers; else None."""
    rows: list[Row] = []
    devices: dict[tuple[int, int], str] = {}
    for number, item in enumerate(joined, 1):
        facts, before = (other.facts, item.theirs) if item.changed else (own.facts, item.ours)
        rows += [
            (evaluation.step, name, number, token[1], evaluation.epoch, value)
            for token, evaluation in facts.fresh
            if token[0] == before
            for name, value in evaluation.values.items()
        ]
        devices |= {(number, token[1]): name for token, name in facts.devices().items() if token[0] == before}
    return disagreement(sorted(rows, key=lambda row: (row[0], row[2], row[3], row[1])), devices)
