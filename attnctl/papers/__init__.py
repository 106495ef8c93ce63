"""The papers' tables as data: what they print of complexity, and the network that each row is counted on.

A file here is a paper. Its `[tables.N]` has the rows of table N; what a row does not say is said by the
`[tables.N.on.X]` that it names, or by the table:

    row            the row, by its printed label; the backbone goes before it where a table prints it once for many
    on             the network it stands on
    backbone, placement, dataset, module, hyperparameters      what is built; the module is none unless it is said
    maps           instead of a backbone: the module alone, once for each of these maps, [channels, side]
    params, flops  as printed; 25.56M has its unit, 25.56 the table's; a product is printed where a paper prints one
    params_unit, flops_unit      K, M, G, or MiB of float32
    params_as, flops_as          the way of counting: exact, one of attnctl.complexity's, or the parameters of one kind
                                 of layer, such as linear.weight
    head           whether the counted code had a layer for the mean before the classifier, where ours has a function
    written        how the counted code wrote the module, where it differs from the paper's [written.MODULE]
    task           detection or segmentation: rows that wait for it
    note           what a reader must know
    weak           why the configuration is one of several, or odd: it fits, and proves little
    explained      params, flops: why the figure is not ours: a misprint, a wrong label, what a tool does not see
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from attnctl.values import Scalar, SpecError, did_you_mean, listed

FOLDER = Path(__file__).parent
CLASSIFICATION = "classification"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table; the fields are the keys of the files."""

    paper: str
    table: str
    row: str
    on: str = ""
    task: str = CLASSIFICATION
    backbone: str = ""
    placement: str = ""
    dataset: str = ""
    module: str = "none"
    hyperparameters: Mapping[str, Scalar] = field(default_factory=dict)
    maps: tuple[tuple[int, int], ...] = ()
    params: str = ""
    flops: str = ""
    params_unit: str = ""
    flops_unit: str = ""
    params_as: str = "exact"
    flops_as: str = "conv+fc"
    head: bool | None = None
    written: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    weak: str = ""
    explained: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table of a paper."""

    number: str
    caption: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Paper:
    """A paper and its tables, by number."""

    name: str
    title: str
    tables: Mapping[str, Table]


@cache
def names() -> tuple[str, ...]:
    """The papers, by the names of their files."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def load(name: str) -> Paper:
    """The paper of that name, in whatever case; raises SpecError with the nearest one."""
    if name.lower() not in names():
        raise SpecError(f"unknown paper {name!r}{did_you_mean(name.lower(), names())}")
    path = FOLDER / f"{name.lower()}.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    written = document.get("written", {})
    tables = {
        number: Table(number, table["caption"], tuple(_rows(document["name"], number, table, written, path)))
        for number, table in sorted(document["tables"].items(), key=lambda item: int(item[0]))
    }
    return Paper(document["name"], document["title"], tables)


def rows(paper: str | None = None, table: str | None = None) -> list[Row]:
    """The rows of all papers, of one, or of one table; raises SpecError for what there is not."""
    found = []
    for name in names() if paper is None else (paper,):
        tables = load(name).tables
        if paper is not None and table is not None and table not in tables:
            raise SpecError(
                f"{load(name).name} has no table {table!r} with parameters or FLOPs; it has {listed(tables)}"
            )
        found += [row for number, item in tables.items() if table in {None, number} for row in item.rows]
    if not found:
        raise SpecError(f"no paper has a table {table!r} with parameters or FLOPs")
    return found


_KEYS = {item.name for item in fields(Row)} - {"paper", "table"}


def _rows(paper: str, number: str, table: Mapping[str, Any], written: Mapping[str, Any], path: Path) -> Iterator[Row]:
    common = {key: value for key, value in table.items() if key not in {"caption", "rows", "on"}}
    for row in table["rows"]:
        values = {**common, **table.get("on", {}).get(row.get("on", ""), {}), **row}
        for key in values:
            if key not in _KEYS:
                raise SpecError(
                    f"{path}: table {number}, row {row['row']!r} has a key {key!r}{did_you_mean(key, _KEYS)}"
                )
        values["maps"] = tuple((channels, side) for channels, side in values.get("maps", ()))
        values["written"] = {**written.get(values.get("module", ""), {}), **values.get("written", {})}
        yield Row(paper=paper, table=number, **values)
