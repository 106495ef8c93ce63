"""Reads a paper's file: TOML in, `attnctl.papers.model` out. The keys are explained in `attnctl/papers/__init__.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnctl import lines
from attnctl.metrics import ALL_MEASURED
from attnctl.papers import kinds
from attnctl.papers.claims import read_claims
from attnctl.papers.document import Document
from attnctl.papers.figures import read_figure
from attnctl.papers.kinds import Kind
from attnctl.papers.model import COUNTED, TASKS, TRAITS, Paper, PaperColumn, PaperTable, Row, Setup
from attnctl.values import did_you_mean

PAPER: Mapping[str, Kind] = {
    "name": kinds.name,
    "title": kinds.line,
    "address": kinds.line,
    "cite": kinds.line,
    "written": kinds.section,
    "tables": kinds.section,
    "figures": kinds.section,
    "claims": kinds.sections,
}
SETUP: Mapping[str, Kind] = {
    "task": kinds.one_of(TASKS),
    "model": kinds.line,
    "backbone": kinds.line,
    "placement": kinds.line,
    "dataset": kinds.line,
    "init": kinds.init,
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
    "caption": kinds.text,
    "header": kinds.line,
    "note": kinds.text,
    "training": kinds.text,
    "columns": kinds.sections,
    "rows": kinds.sections,
    "bases": kinds.sections,
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
BASE: Mapping[str, Kind] = {"row": kinds.line, "note": kinds.text, **SETUP}
ROW: Mapping[str, Kind] = {
    "row": kinds.line,
    "printed": kinds.line,
    "on": kinds.line,
    "note": kinds.text,
    "weak": kinds.text,
    "explained": kinds.texts,
    "cite": kinds.line,
    **SETUP,
}


def read(source: str, name: str, file: Path | None = None) -> Paper:
    """The paper in a TOML text; raises SpecError with the line. name: of the file, for messages.

    file: a user's file; paths in it that begin with `./` are relative to it.
    """
    return _Reader(Document(source, name), file).paper()


class _Reader:
    """Converts a document into a paper."""

    def __init__(self, document: Document, file: Path | None) -> None:
        self._document = document
        self._file = file
        self._written: Mapping[str, Any] = {}

    def paper(self) -> Paper:
        """The paper; raises SpecError."""
        document = self._document
        values = document.section((), document.root, PAPER, required=("name", "title", "tables"))
        self._written = values.pop("written", {})
        for module, settings in self._written.items():
            document.value(("written", module), kinds.written, settings)
        if not values["tables"]:
            raise document.error(("tables",), "there is no table; write [tables.1]")
        values["tables"] = {
            number: self._table(values["name"], number, table) for number, table in values["tables"].items()
        }
        values["figures"] = {
            number: read_figure(document, values["name"], number, values["tables"])
            for number in values.get("figures", {})
        }
        values["claims"] = read_claims(document, values.get("claims", []), values["tables"])
        return Paper(file=self._file, **values)

    def _table(self, paper: str, number: str, section: Any) -> PaperTable:
        path = ("tables", number)
        self._document.value(path, kinds.label, number)
        values = self._document.section(path, section, TABLE, required=("caption", "columns", "rows"))
        columns = tuple(self._columns(path, values["columns"]))
        return PaperTable(
            paper=paper,
            number=number,
            columns=columns,
            rows=tuple(self._rows(path, values, columns)),
            bases=tuple(self._bases(path, values)),
            file=self._file,
            **_only(values, ("caption", "header", "note", "training")),
        )

    def _columns(self, path: lines.Path, sections: list[Any]) -> Iterator[PaperColumn]:
        keys: set[str] = set()
        if not sections:
            raise self._document.error((*path, "columns"), "there is no column")
        for index, section in enumerate(sections):
            column_path = (*path, "columns", index)
            values = self._document.section(column_path, section, COLUMN, required=("key", "metric"))
            key = values["key"]
            if key in keys:
                raise self._document.error((*column_path, "key"), f"there are two columns {key!r}")
            if key in ROW or "." in key:
                raise self._document.error(
                    (*column_path, "key"), f"key {key!r} means something else in a row; choose another"
                )
            keys.add(key)
            if "changes" in values:
                values["changes"] = self._setup(
                    self._document.section((*column_path, "changes"), values["changes"], SETUP)
                )
            yield PaperColumn(**{"title": key, "better": _better(values), **values})

    def _rows(self, path: lines.Path, table: Mapping[str, Any], columns: tuple[PaperColumn, ...]) -> Iterator[Row]:
        groups = {
            key: self._document.section((*path, "on", key), group, GROUP) for key, group in table.get("on", {}).items()
        }
        cells = {column.key: kinds.published for column in columns}
        if not table["rows"]:
            raise self._document.error((*path, "rows"), "there is no row")
        titles = {key: group["title"] for key, group in groups.items() if "title" in group}
        names: set[str] = set()
        for index, section in enumerate(table["rows"]):
            row_path = (*path, "rows", index)
            values = self._document.section(row_path, section, {**ROW, **cells}, required=("row",))
            self._check_row(row_path, values, names, groups, cells)
            names.add(values["row"])
            group_key = values.get("on", "")
            printed = values.get("printed", values["row"])
            setup = _only({**table, **groups.get(group_key, {}), **values}, SETUP)
            yield Row(
                name=values["row"],
                printed=printed,
                group=titles.setdefault(group_key, printed) if group_key else "",
                published=_only(values, cells),
                setup=Setup(**self._setup(setup)),
                **_only(values, ("on", "note", "weak", "explained", "cite")),
            )

    def _bases(self, path: lines.Path, table: Mapping[str, Any]) -> Iterator[Row]:
        """The rows that are not printed; nothing that the table's rows have in common applies to them."""
        names = {row["row"] for row in table["rows"]}
        for index, section in enumerate(table.get("bases", ())):
            base_path = (*path, "bases", index)
            values = self._document.section(base_path, section, BASE, required=("row", "backbone", "dataset"))
            if values["row"] in names:
                raise self._document.error((*base_path, "row"), "there are two rows of this name")
            names.add(values["row"])
            setup = Setup(**self._setup(_only(values, SETUP)))
            yield Row(name=values["row"], printed=values["row"], setup=setup, note=values.get("note", ""))

    def _check_row(
        self,
        row_path: lines.Path,
        values: Mapping[str, Any],
        names: set[str],
        groups: Mapping[str, Any],
        cells: Mapping[str, Any],
    ) -> None:
        """Check a row against the other rows, the groups and the columns."""
        if values["row"] in names:
            raise self._document.error((*row_path, "row"), "there are two rows of this name")
        if (group_key := values.get("on")) is not None and group_key not in groups:
            raise self._document.error(
                (*row_path, "on"), f"there is no group {group_key!r}{did_you_mean(group_key, groups)}"
            )
        for key in values.get("explained", {}):
            if key not in cells:
                raise self._document.error(
                    (*row_path, "explained", key), f"explained has no column {key!r}{did_you_mean(key, cells)}"
                )

    def _setup(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a Setup: `written` completed from [written.MODULE], and relative paths resolved."""
        setup = dict(values)
        if written := {**self._written.get(str(setup.get("module", "")), {}), **setup.get("written", {})}:
            setup["written"] = written
        for key in ("module", "backbone", "recipe", "init"):
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
