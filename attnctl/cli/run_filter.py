"""The options that choose runs by module, state, tag or metric, and the order in which they are listed."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, sweep_records
from attnctl.cli.refresh import take
from attnctl.lifecycle.state import State
from attnctl.settings.sections import state_key
from attnctl.units import quantity
from attnctl.values import SpecError, did_you_mean, split_list
from attnctl.workspace import user_notes
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.db import RunRow
    from attnctl.settings.config import Config

PANEL = "Which runs"
STATES = tuple(sorted(map(state_key, State)))
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_CONDITION = re.compile(rf"([A-Za-z_]\w*)\s*(<=|>=|<|>|=)\s*({_NUMBER})")
_RANGE = re.compile(rf"([A-Za-z_]\w*)\s*=\s*({_NUMBER})?\.\.({_NUMBER})?")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """The runs to show, as typed. Several values of one option are alternatives, except of --metric."""

    module: Annotated[
        list[str] | None,
        typer.Option(
            help="Only runs of these modules: names or globs (comma list).",
            rich_help_panel=PANEL,
            metavar="NAMES",
            autocompletion=completion.modules,
        ),
    ] = None
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only runs in these states, such as running,out-of-memory.",
            rich_help_panel=PANEL,
            metavar="STATES",
            autocompletion=completion.one_of(STATES),
        ),
    ] = None
    tag: Annotated[
        list[str] | None,
        typer.Option(
            help="Only runs with one of these tags, their own or of a sweep.",
            rich_help_panel=PANEL,
            metavar="TAGS",
            autocompletion=completion.run_tags,
        ),
    ] = None
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Only runs with such last values, such as top1=90.. or loss=..0.3 (comma list).",
            rich_help_panel=PANEL,
            metavar="CONDITIONS",
        ),
    ] = None

    @property
    def given(self) -> dict[str, str]:
        """The options that were given, with their values."""
        values = {"--module": self.module, "--state": self.state, "--tag": self.tag, "--metric": self.metric}
        return {option: ",".join(value) for option, value in values.items() if value}

    def apply(self, workspace: Workspace, rows: Sequence[RunRow]) -> list[RunRow]:
        """The runs that meet all options. Raises SpecError for a value that none of the runs can meet."""
        kept = list(rows)
        if patterns := _parts(self.module, "--module"):
            _check(patterns, {row.module for row in rows}, "run of module", globs=True)
            kept = [row for row in kept if any(fnmatchcase(row.module, pattern) for pattern in patterns)]
        if names := [name.lower().replace(" ", "-").replace("_", "-") for name in _parts(self.state, "--state")]:
            for name in names:
                if name not in STATES:
                    raise SpecError(f"--state: unknown state {name!r}{did_you_mean(name, STATES)}")
            kept = [row for row in kept if state_key(State(row.state)) in names]
        if wanted := _parts(self.tag, "--tag"):
            tags = user_notes.tags(workspace, sweep_records.members(workspace))
            _check(wanted, {tag for of_run in tags.values() for tag in of_run}, "run with tag")
            kept = [row for row in kept if not set(wanted).isdisjoint(tags.get(row.id, ()))]
        for text in _parts(self.metric, "--metric"):
            key, meets = _condition(text)
            _check([key], {name for row in rows for name in row.metrics}, "run with a value of")
            kept = [row for row in kept if key in row.metrics and meets(row.metrics[key])]
        return kept


NO_FILTER = RunFilter()


def narrowed(config: Config, ids: Sequence[str], kept: RunFilter) -> list[str]:
    """Those of the runs that meet the options, as they are now; raises SpecError if none does."""
    if not kept.given:
        return list(ids)
    with context.index() as index:
        rows = take(config, index, ids).rows
    return meeting(config.workspace, rows, kept)


def meeting(workspace: Workspace, rows: Sequence[RunRow], kept: RunFilter) -> list[str]:
    """The ids of the runs that meet the options; raises SpecError if none does."""
    ids = [row.id for row in kept.apply(workspace, rows)]
    if not ids:
        options = " ".join(f"{option} {value}" for option, value in kept.given.items())
        raise SpecError(f"none of {quantity(len(rows), 'run')} meets {options}")
    return ids


def ordered(rows: Sequence[RunRow], key: str) -> list[RunRow]:
    """The runs by module, state, since or a metric; -KEY descends, and runs without a value come last.

    Raises SpecError for an unknown key.
    """
    name, descending = key.removeprefix("-"), key.startswith("-")
    if name in {"module", "state"}:
        by = operator.attrgetter("label" if name == "module" else "state")
        return sorted(rows, key=by, reverse=descending)
    known = {metric for row in rows for metric in row.metrics}
    if name not in {"since", *known}:
        raise SpecError(
            f"--sort: unknown key {name!r}{did_you_mean(name, ['module', 'state', 'since', *sorted(known)])}"
        )

    def place(row: RunRow) -> float:
        value = row.since if name == "since" else row.metrics.get(name)
        return math.inf if value is None else -value if descending else value

    return sorted(rows, key=place)


def _parts(given: Sequence[str] | None, option: str) -> list[str]:
    return [part for text in given or () for part in split_list(text, option)]


def _check(wanted: Sequence[str], known: Collection[str], noun: str, *, globs: bool = False) -> None:
    """Raise SpecError for a word that is of none of the runs."""
    for word in wanted:
        if word not in known and not (globs and any(fnmatchcase(name, word) for name in known)):
            hint = did_you_mean(word, sorted(known)) if known else ""
            raise SpecError(f"no {noun} {word[:100]!r}{hint}")


def _condition(text: str) -> tuple[str, Callable[[float], bool]]:
    """The metric, and whether a value of it meets the condition."""
    compared, within = _CONDITION.fullmatch(text.strip()), _RANGE.fullmatch(text.strip())
    if compared is not None:
        compare, bound = _COMPARE[compared[2]], float(compared[3])
        return compared[1], lambda value: compare(value, bound)
    if within is None or not (within[2] or within[3]):
        raise SpecError(f"--metric is {text[:100]!r}; write it as top1=90.., loss=..0.3 or 'top1>90'")
    low, high = float(within[2] or -math.inf), float(within[3] or math.inf)
    return within[1], lambda value: low <= value <= high
