"""The settings of rows from which other rows start: those of their table's newest sweep, unless `--base` says them.

A detector of ean:5 starts from a classifier of ean:3. What replaces the paper's values in the one (`--dataset
digits-det`) does not apply to the other. Where the other table was trained with values of its own in this workspace
(`sweep --table ean:3 --dataset digits`), its rows with these values are the bases.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnctl import papers
from attnctl.cli.reporting import paper_tables
from attnctl.papers import PaperTable, starts
from attnctl.papers.runs import ALL, Overrides, cells_of
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError, Sweep


def of_words(words: Iterable[str], said: Overrides | None, workspace: Workspace) -> Overrides:
    """Overrides with the settings of the rows that words of `--init` name, as `of_tables`."""
    return replace(Overrides(), bases=_bases(_tables(words, None), said, workspace))


def of_tables(
    tables: Iterable[PaperTable], overrides: Overrides, said: Overrides | None, workspace: Workspace
) -> Overrides:
    """The overrides, with the settings of the rows from which the tables' rows start. said: of `--base`."""
    words = (overrides.init, *overrides.inits.values())
    named = [*_tables(words, None)]
    for table in tables:
        named += _tables((row.setup.init for row in table.rows), table)
    return replace(overrides, bases=_bases(named, said, workspace))


def _tables(words: Iterable[str], near: PaperTable | None) -> list[PaperTable]:
    """The tables of the rows that words name. near: the table whose rows say them."""
    found: dict[str, PaperTable] = {}
    for word in dict.fromkeys(words):
        name = starts.RowName.of(word)
        if name is None:
            continue
        own = near is not None and near.file is not None and near.paper.lower() == name.paper.lower()
        paper = papers.load(str(near.file) if own and near is not None else name.paper)
        with suppress(KeyError):
            table = paper.tables[name.table]
            found[table.name] = table
    return [*found.values()]


def _bases(tables: Iterable[PaperTable], said: Overrides | None, workspace: Workspace) -> dict[str, Any]:
    if said is not None:
        return {ALL: _recorded(said)}
    bases: dict[str, Any] = {}
    queue = list(tables)
    while queue:
        table = queue.pop()
        if table.name in bases:
            continue
        bases[table.name] = _newest(table, workspace)
        queue += _tables((row.setup.init for row in (*table.rows, *table.bases)), table)
    return {name: settings for name, settings in bases.items() if settings}


def _newest(table: PaperTable, workspace: Workspace) -> dict[str, Any]:
    """The overrides of the newest sweep of a table; empty if it has none, or if a run has the paper's values."""
    sweeps = [sweep for path in workspace.sweeps.glob("[!.]*.json") if (sweep := _read(path, table, workspace))]
    if not sweeps:
        return {}
    there = set(workspace.run_ids())
    with suppress(SpecError):
        if any(spec.id in there for item in cells_of(table, Overrides()) for spec in item.specs):
            return {}
    return _recorded(Overrides.from_json(max(sweeps, key=lambda sweep: sweep.created).overrides))


def _read(path: Path, table: PaperTable, workspace: Workspace) -> Sweep | None:
    """The sweep, if it is one of the table."""
    with suppress(RecordError, SpecError):
        sweep = Sweep.read(path)
        if sweep is not None and sweep.paper and sweep.table == table.number:
            paper = papers.load(paper_tables.loadable(sweep.paper, workspace))
            return sweep if paper.name == table.paper else None
    return None


def _recorded(overrides: Overrides) -> dict[str, Any]:
    return {name: value for name, value in overrides.to_json().items() if name not in {"seeds", "bases", "weights"}}
