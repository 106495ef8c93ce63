"""Reads the claims of a paper's file: the comparisons that its text makes, for `attnctl verdict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from attnctl import lines
from attnctl.papers import kinds
from attnctl.papers.document import Document
from attnctl.papers.kinds import Kind
from attnctl.papers.model import COUNTED, Claim, PaperTable, Row
from attnctl.values import did_you_mean

CLAIM: Mapping[str, Kind] = {
    "claim": kinds.text,
    "section": kinds.line,
    "table": kinds.line,
    "rows": kinds.list_of(kinds.line),
    "than": kinds.list_of(kinds.line),
    "pairs": kinds.list_of(kinds.list_of(kinds.line)),
    "columns": kinds.list_of(kinds.line),
    "better": kinds.one_of(("higher", "lower")),
    "most": kinds.flag,
}


def read_claims(document: Document, sections: Sequence[Any], tables: Mapping[str, PaperTable]) -> tuple[Claim, ...]:
    """The claims of a paper, whose tables, rows and columns must exist; raises SpecError with the line."""
    return tuple(_claim(document, ("claims", index), section, tables) for index, section in enumerate(sections))


def _claim(document: Document, path: lines.Path, section: Any, tables: Mapping[str, PaperTable]) -> Claim:
    values = document.section(path, section, CLAIM, required=("claim", "section", "table"))
    if values["table"] not in tables:
        raise document.error(
            (*path, "table"), f"there is no table {values['table']!r}{did_you_mean(values['table'], tables)}"
        )
    table = tables[values["table"]]
    if ("pairs" in values) == ("rows" in values):
        raise document.error(path, "needs either rows, the better ones, or pairs of rows")
    if "pairs" in values and "than" in values:
        raise document.error((*path, "than"), "than belongs to rows; pairs name both rows")
    pairs = _pairs(document, path, values, table) if "pairs" in values else _crossed(document, path, values, table)
    return Claim(
        text=values["claim"],
        section=values["section"],
        table=table.number,
        columns=_columns(document, path, values, table),
        pairs=pairs,
        most=values.get("most", False),
    )


def _pairs(
    document: Document, path: lines.Path, values: Mapping[str, Any], table: PaperTable
) -> tuple[tuple[str, str], ...]:
    """Pairs of names, as they stand in the file."""
    names = [row.name for row in table.rows]
    for index, pair in enumerate(values["pairs"]):
        pair_path = (*path, "pairs", index)
        if len(pair) != 2 or pair[0] == pair[1]:
            raise document.error(pair_path, "a pair is two rows: the better one first")
        for name in pair:
            if name not in names:
                raise document.error(pair_path, f"table {table.number} has no row {name!r}{did_you_mean(name, names)}")
    return tuple((better, other) for better, other in values["pairs"])


def _crossed(
    document: Document, path: lines.Path, values: Mapping[str, Any], table: PaperTable
) -> tuple[tuple[str, str], ...]:
    """Each of the better rows with each of the others of its group."""
    better = _matching(document, (*path, "rows"), values["rows"], table)
    others = _matching(document, (*path, "than"), values.get("than", ["*"]), table)
    pairs: list[tuple[str, str]] = []
    for row in better:
        partners = [other.name for other in others if other.on == row.on and other not in better]
        if not partners:
            raise document.error((*path, "than"), f"no row of the group of {row.name!r} is left to compare it with")
        pairs += [(row.name, name) for name in partners]
    return tuple(pairs)


def _matching(document: Document, path: lines.Path, patterns: Sequence[str], table: PaperTable) -> list[Row]:
    """The rows that match any of the globs, in table order."""
    names = [row.name for row in table.rows]
    for index, pattern in enumerate(patterns):
        if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
            raise document.error(
                (*path, index), f"table {table.number} has no row {pattern!r}{did_you_mean(pattern, names)}"
            )
    return [
        row for row in table.rows if any(row.name == pattern or fnmatchcase(row.name, pattern) for pattern in patterns)
    ]


def _columns(document: Document, path: lines.Path, values: Mapping[str, Any], table: PaperTable) -> dict[str, Any]:
    """The columns in which the rows are compared, each with the better direction."""
    comparable = {column.key: column for column in table.columns if column.kind == "run" or column.metric in COUNTED}
    trained = [key for key, column in comparable.items() if column.kind == "run"]
    keys = values.get("columns", trained)
    if not keys:
        raise document.error(path, f"table {table.number} has no trained column; name columns that are counted")
    found = {}
    for index, key in enumerate(keys):
        if key not in comparable:
            raise document.error(
                (*path, "columns", index),
                f"table {table.number} has no trained or counted column {key!r}{did_you_mean(key, comparable)}",
            )
        found[key] = values.get("better") or comparable[key].better
        if found[key] is None:
            raise document.error(path, f'column {key!r} needs better = "higher" or "lower"')
    return found
