"""What a merge is to do, run by run, and what it leaves out and why. Nothing is written here."""

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
"""Gives the runs one by one, and may show how far it is."""


@dataclass
class Plan:
    """Runs by what becomes of them, each by its id."""

    new: list[str] = field(default_factory=list)
    """Only in the other workspace: copied as they are."""
    extended: dict[str, list[Joined]] = field(default_factory=dict)
    """In both; the attempts in their new order, at least one of which comes from the other workspace."""
    same: list[str] = field(default_factory=list)
    """All that the other workspace has of them is here."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Under way in one of the workspaces: in words, where."""
    broken: dict[str, str] = field(default_factory=dict)
    """What cannot be read, in words."""
    alarms: dict[str, str] = field(default_factory=dict)
    """In words, that attempts from the two workspaces disagree on the CPU, where equal steps give equal numbers."""

    @property
    def present(self) -> list[str]:
        """The runs of the other workspace that are here afterwards."""
        return sorted([*self.new, *self.extended, *self.same])


def plan(ours: Workspace, theirs: Workspace, track: Track = iter) -> Plan:
    """Look at every run of the other workspace."""
    found, sides = Plan(), (Histories(ours), Histories(theirs))
    there = set(ours.run_ids())
    for run in track(theirs.run_ids()):
        try:
            _plan_run(found, run, sides, known=run in there)
        except RecordError as error:
            found.broken[run] = str(error)
        except OSError as error:
            found.broken[run] = f"{error.filename}: {error.strerror}"
    return found


def check(ours: Workspace, theirs: Workspace) -> None:
    """Raise SpecError when the other is no workspace, or is this one."""
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
    """Words for the first value in which attempts on the CPU differ, under the numbers they get."""
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
