"""Reads a paper's file: TOML in, `attnctl.papers.model` out. The keys are explained in `attnctl/papers/__init__.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnctl import lines
from attnctl.metrics import ALL_MEASURED
from attnctl.papers import kinds
from attnctl.papers.document import Document
from attnctl.papers.figures import read_figure
from attnctl.papers.kinds import Kind
from attnctl.papers.model import COUNTED, TASKS, TRAITS, Column, Paper, Row, Setup, Table
from attnctl.values import did_you_mean

PAPER: Mapping[str, Kind] = {
    "name": kinds.name,
    "title": kinds.line,
    "address": kinds.line,
    "cite": kinds.line,
    "written": kinds.section,
    "tables": kinds.section,
    "figures": kinds.section,
}
SETUP: Mapping[str, Kind] = {
    "task": kinds.one_of(TASKS),
    "model": kinds.line,
    "backbone": kinds.line,
    "placement": kinds.line,
    "dataset": kinds.line,
    "module": kinds.line,
    "hyperparameters": kinds.scalars,
    "recipe": kinds.line,
    "train": kinds.train,
    "maps": kinds.maps,
    "params_as": kinds.line,
    "flops_as": kinds.line,
    "params_unit": kinds.line,
    "flops_unit": kinds.line,
    "head": kinds.flag,
    "written": kinds.written,
}
TABLE: Mapping[str, Kind] = {
    "caption": kinds.words,
    "header": kinds.line,
    "note": kinds.words,
    "columns": kinds.sections,
    "rows": kinds.sections,
    "on": kinds.section,
    **SETUP,
}
GROUP: Mapping[str, Kind] = {"title": kinds.line, **SETUP}
COLUMN: Mapping[str, Kind] = {
    "key": kinds.name,
    "title": kinds.line,
    "metric": kinds.one_of(("words", *COUNTED, "fps", *TRAITS, *ALL_MEASURED)),
    "unit": kinds.line,
    "error": kinds.flag,
    "better": kinds.one_of(("higher", "lower")),
    "decimals": kinds.decimals,
    "changes": kinds.section,
}
ROW: Mapping[str, Kind] = {
    "row": kinds.line,
    "printed": kinds.line,
    "on": kinds.line,
    "note": kinds.words,
    "weak": kinds.words,
    "explained": kinds.texts,
    "cite": kinds.line,
    **SETUP,
}


def read(source: str, name: str, file: Path | None = None) -> Paper:
    """The paper in a TOML text; raises SpecError with line and place. name: what messages call the file.

    file: a user's file; what it names by `./` lies beside it.
    """
    return _Reader(Document(source, name), file).paper()


class _Reader:
    """Makes the parts of a paper from those of its document."""

    def __init__(self, document: Document, file: Path | None) -> None:
        self._document = document
        self._file = file
        self._written: Mapping[str, Any] = {}

    def paper(self) -> Paper:
        """The whole."""
        document = self._document
        values = document.section((), document.root, PAPER, required=("name", "title", "tables"))
        self._written = values.pop("written", {})
        for module, way in self._written.items():
            document.value(("written", module), kinds.written, way)
        if not values["tables"]:
            raise document.error(("tables",), "there is no table; write [tables.1]")
        values["tables"] = {
            number: self._table(values["name"], number, table) for number, table in values["tables"].items()
        }
        values["figures"] = {
            number: read_figure(document, values["name"], number, values["tables"])
            for number in values.get("figures", {})
        }
        return Paper(file=self._file, **values)

    def _table(self, paper: str, number: str, section: Any) -> Table:
        path = ("tables", number)
        self._document.value(path, kinds.bare, number)
        values = self._document.section(path, section, TABLE, required=("caption", "columns", "rows"))
        columns = tuple(self._columns(path, values["columns"]))
        return Table(
            paper=paper,
            number=number,
            columns=columns,
            rows=tuple(self._rows(path, values, columns)),
            **_only(values, ("caption", "header", "note")),
        )

    def _columns(self, path: lines.Path, sections: list[Any]) -> Iterator[Column]:
        seen: set[str] = set()
        if not sections:
            raise self._document.error((*path, "columns"), "there is no column")
        for index, section in enumerate(sections):
            here = (*path, "columns", index)
            values = self._document.section(here, section, COLUMN, required=("key", "metric"))
            key = values["key"]
            if key in seen:
                raise self._document.error((*here, "key"), f"there are two columns {key!r}")
            if key in ROW or "." in key:
                raise self._document.error((*here, "key"), f"key {key!r} means something else in a row; choose another")
            seen.add(key)
            if "changes" in values:
                values["changes"] = self._setup(self._document.section((*here, "changes"), values["changes"], SETUP))
            yield Column(**{"title": key, "better": _better(values), **values})

    def _rows(self, path: lines.Path, table: Mapping[str, Any], columns: tuple[Column, ...]) -> Iterator[Row]:
        groups = {
            key: self._document.section((*path, "on", key), group, GROUP) for key, group in table.get("on", {}).items()
        }
        cells = {column.key: kinds.published for column in columns}
        if not table["rows"]:
            raise self._document.error((*path, "rows"), "there is no row")
        titles = {key: group["title"] for key, group in groups.items() if "title" in group}
        seen: set[str] = set()
        for index, section in enumerate(table["rows"]):
            here = (*path, "rows", index)
            values = self._document.section(here, section, {**ROW, **cells}, required=("row",))
            self._check_row(here, values, seen, groups, cells)
            seen.add(values["row"])
            on = values.get("on", "")
            printed = values.get("printed", values["row"])
            setup = _only({**table, **groups.get(on, {}), **values}, SETUP)
            yield Row(
                name=values["row"],
                printed=printed,
                group=titles.setdefault(on, printed) if on else "",
                published=_only(values, cells),
                setup=Setup(**self._setup(setup)),
                **_only(values, ("on", "note", "weak", "explained", "cite")),
            )

    def _check_row(
        self,
        here: lines.Path,
        values: Mapping[str, Any],
        seen: set[str],
        groups: Mapping[str, Any],
        cells: Mapping[str, Any],
    ) -> None:
        """What concerns the row and others."""
        if values["row"] in seen:
            raise self._document.error((*here, "row"), "there are two rows of this name")
        if (on := values.get("on")) is not None and on not in groups:
            raise self._document.error((*here, "on"), f"there is no group {on!r}{did_you_mean(on, groups)}")
        for key in values.get("explained", {}):
            if key not in cells:
                raise self._document.error(
                    (*here, "explained", key), f"explained has no column {key!r}{did_you_mean(key, cells)}"
                )

    def _setup(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The keys of a Setup: with how the counted code wrote the module, and users' files found beside this one."""
        setup = dict(values)
        if written := {**self._written.get(str(setup.get("module", "")), {}), **setup.get("written", {})}:
            setup["written"] = written
        for key in ("module", "backbone", "recipe"):
            if self._file is not None and str(setup.get(key, "")).startswith(("./", "../")):
                setup[key] = str(self._file.parent / setup[key])
        return setup


def _only(values: Mapping[str, Any], keys: Mapping[str, Any] | tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in keys}


def _better(column: Mapping[str, Any]) -> str | None:
    """Which of two numbers is better by default; None for counted metrics and text."""
    metric = column["metric"]
    if metric in {"words", *COUNTED, *TRAITS}:
        return None
    return "lower" if column.get("error") or metric.endswith("loss") else "higher"
