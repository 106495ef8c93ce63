"""Resolve the targets of a command, names of sweeps or prefixes of run ids, from the folders alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, sweep_records
from attnctl.cli.refresh import Snapshot, take
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.values import SpecError, comma_join, did_you_mean
from attnctl.workspace import user_notes
from attnctl.workspace.layout import RunDir, Workspace

if TYPE_CHECKING:
    from attnctl.db import RunRow

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, or its first digits.", autocompletion=completion.runs)
]
"""The argument RUN of a command that takes one run; `run_id` resolves it."""

NO_RUNS = "this workspace has no runs yet; start some with `attnctl sweep`"


@dataclass(frozen=True)
class Target:
    """A resolved target. sweep: its name, if the word is a sweep; else there is one run."""

    runs: list[str]
    sweep: str = ""


@dataclass(frozen=True)
class OpenRun:
    """One run as it is now: its row, which the scheduler has just been asked about, and its folder."""

    config: Config
    now: Snapshot
    row: RunRow
    folder: RunDir
    spec: RunSpec


def open_run(word: str) -> OpenRun:
    """The run that the argument RUN names, in the workspace of this command; raises SpecError."""
    config = context.config()
    with context.index() as index:
        name = run_id(config.workspace, word)
        now = take(config, index, [name], alone=True)
    folder = config.workspace.run(name)
    return OpenRun(config, now, now.row(name), folder, folder.read_spec())


def run_id(workspace: Workspace, prefix: str) -> str:
    """The id of the one run that begins with `prefix`; raises SpecError, for a sweep's name with one of its runs."""
    ids = workspace.run_ids()
    if (named := _by_name(workspace, prefix)) is not None:
        return named
    if prefix in workspace.sweep_names() and not beginning(prefix, ids):
        there = next((run for run in sweep_records.read(workspace, prefix).runs if run in set(ids)), None)
        example = f", such as {there[:8]}" if there is not None else ""
        raise SpecError(f"{prefix!r} is a sweep; name one of its runs{example} (attnctl status {prefix} lists them)")
    return by_prefix(prefix, ids, "run")


def target(workspace: Workspace, word: str) -> Target:
    """The runs that a word means, whether they are there or not: a sweep's name goes before a run's id.

    Raises SpecError.
    """
    known = workspace.sweep_names()
    if word in known:
        return Target(sweep_records.read(workspace, word).runs, word)
    if (named := _by_name(workspace, word)) is not None:
        return Target([named])
    return Target([by_prefix(word, workspace.run_ids(), "run", "run or sweep", known)])


def _by_name(workspace: Workspace, word: str) -> str | None:
    """The run that `attnctl name` gave this name; None if there is none."""
    named = [run for run, item in user_notes.runs(workspace).items() if word and item.name == word]
    if len(named) > 1:  # two users may have given it at the same moment, and a merge may bring it
        raise SpecError(f"several runs have the name {word}: {comma_join(named)}; use the id")
    return named[0] if named and workspace.run(named[0]).path.is_dir() else None


def chosen(workspace: Workspace, words: Sequence[str]) -> list[str]:
    """The ids of the runs that are there, each once, in the order of the words; without words all runs.

    Raises SpecError, also when there are no runs.
    """
    there = workspace.run_ids()
    if not there:
        raise SpecError(NO_RUNS)
    if not words:
        return there
    found = dict.fromkeys(run for word in words for run in target(workspace, word).runs)
    if found.keys().isdisjoint(there):
        raise SpecError(f"sweep {words[0]} has no runs in this workspace")
    return [run for run in found if run in set(there)]


def beginning(prefix: str, ids: Sequence[str]) -> list[str]:
    """The ids that begin with `prefix`; none for an empty one."""
    return [name for name in ids if prefix and name.startswith(prefix)]


def by_prefix(prefix: str, ids: Sequence[str], noun: str, nouns: str = "", also: Collection[str] = ()) -> str:
    """The one id that begins with `prefix`; raises SpecError with the nearest.

    noun: what the ids are of; nouns, also: what else the word could have meant, and the names of that.
    """
    found, shown = beginning(prefix, ids), repr(prefix[:100])
    if len(found) > 1:
        more = " ..." if len(found) > 3 else ""
        raise SpecError(f"{shown} matches several {noun}s: {', '.join(found[:3])}{more}; type more digits")
    if found:
        return found[0]
    message = f"no {nouns or noun} is called {shown}"
    if not ids and not also:
        raise SpecError(f"{message}; {NO_RUNS if noun == 'run' else 'there are none'}")
    nearest = did_you_mean(prefix[:100], [*also, *(name[: max(4, len(prefix))] for name in ids)])
    if noun == "run" and "did you mean" not in nearest:
        nearest = "; attnctl status lists them"
    raise SpecError(message + nearest)
