"""From a paper's table, or figure, to the runs that fill its cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Self

from attnctl import grid, models
from attnctl.grid import Axes
from attnctl.papers.model import Column, Figure, Paper, Row, Setup, Table
from attnctl.spec import NO_MODULE, RunSpec, recipe_fields
from attnctl.values import Scalar, SpecError, did_you_mean, format_value
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import RELATIVE


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Settings that replace the paper's, as typed; an empty text keeps the paper's."""

    model: str = ""
    backbone: str = ""
    placement: str = ""
    dataset: str = ""
    recipe: str = ""
    init: str = ""
    """The weights that all rows start from, as `RunSpec.init`."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Recipe field -> value; a comma list is several runs, of which one counts, as a row's `train` has it."""
    seeds: tuple[str, ...] = ("0",)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, without what is the paper's own."""
        document: dict[str, Any] = self._named()
        if self.fields:
            document["fields"] = dict(self.fields)
        return document | {"seeds": list(self.seeds)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` gave; raises SpecError."""
        try:
            return untrusted_json.decode(cls, document)
        except ValueError as error:
            raise SpecError(f"these are not overrides of a table: {error}") from error

    def words(self) -> str:
        """Such as `dataset=digits epochs=3`, without the seeds; empty when all is the paper's own."""
        return " ".join(f"{name}={value}" for name, value in {**self._named(), **self.fields}.items())

    def options(self) -> list[str]:
        """The words of a command line that ask for the same: `--dataset`, `digits`, `--seed`, `0,1`."""
        given = {**self._named(), **self.fields}
        if self.init:
            kind, _, what = self.init.partition(":")
            given["init"] = what if kind == "run" else RELATIVE.weights(what).as_posix()
        if self.seeds != Overrides().seeds:
            given["seed"] = ",".join(self.seeds)
        return [word for name, value in given.items() for word in ("--" + name.replace("_", "-"), value)]

    def _named(self) -> dict[str, str]:
        return {name: value for name in _NAMED if (value := getattr(self, name))}


_NAMED = ("model", "backbone", "placement", "dataset", "recipe", "init")


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The runs of one row that fill some of its columns.

    variants: the candidates of the declared selection, one unless `train` lists several values; each the same request
    over the seeds. reason: why there can be no runs; then variants is empty.
    """

    row: Row
    columns: tuple[str, ...]
    variants: tuple[tuple[RunSpec, ...], ...] = ()
    reason: str = ""

    @property
    def specs(self) -> tuple[RunSpec, ...]:
        """The runs of all variants."""
        return tuple(itertools.chain.from_iterable(self.variants))


def cells_of(table: Table, overrides: Overrides, rows: Sequence[str] = ()) -> list[Cells]:
    """The runs of a table's rows. rows: globs of the rows' names; empty: all. Raises SpecError when none matches.

    Also raises SpecError for overrides that no row could have. What only some rows cannot have is their `reason`.
    """
    _check(overrides)
    return _cells(table, rows, overrides)


def chosen_rows(table: Table, patterns: Sequence[str]) -> list[Row]:
    """The rows whose names one of the globs matches, in the table's order; all without globs. Raises SpecError."""
    names = [row.name for row in table.rows]
    for pattern in patterns:
        if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
            raise SpecError(f"table {table.name} has no row {pattern!r}{did_you_mean(pattern, names)}")
    return [
        row
        for row in table.rows
        if not patterns or any(row.name == pattern or fnmatchcase(row.name, pattern) for pattern in patterns)
    ]


def figure_cells(figure: Figure, paper: Paper, overrides: Overrides) -> list[Cells]:
    """The runs behind a figure. Raises SpecError for overrides that none of them could have.

    Of a sweep: a row for each value of x, with the series' title as its group and x in its hyperparameters, or in
    `train`. Of the other kinds: the rows that the figure names of its table, or of its panels' tables.
    """
    _check(overrides)
    if figure.kind == "sweep":
        return [cells for series in figure.settings["series"] for cells in _series(figure, paper, series, overrides)]
    found: dict[tuple[str, str], Cells] = {}
    whole: Sequence[Mapping[str, Any]] = ({"table": figure.table, "rows": figure.rows},)
    for part in figure.settings.get("panels") or whole:
        table = paper.tables[part["table"]]
        for cells in _cells(table, part.get("rows", ()), overrides):
            found.setdefault((table.number, f"{cells.row.name} {' '.join(cells.columns)}"), cells)
    return list(found.values())


def _series(figure: Figure, paper: Paper, series: Mapping[str, Any], overrides: Overrides) -> Iterator[Cells]:
    """A row of a table with each of the values of x."""
    if figure.x in overrides.fields:
        raise SpecError(f"figure {figure.number} is drawn over {figure.x}; remove --{figure.x.replace('_', '-')}")
    table = paper.tables[series["table"]]
    (row,) = (row for row in table.rows if row.name == series["row"])
    (column,) = (column for column in table.columns if column.key == series["column"])
    for value in series["values"]:
        setup, fields = row.setup, dict(overrides.fields)
        if figure.x in recipe_fields():
            fields[figure.x] = format_value(value)
        else:
            setup = replace(setup, hyperparameters={**setup.hyperparameters, figure.x: value})
        named = f"{series['title']} {figure.x}={format_value(value)}"
        point = replace(row, name=named, printed=format_value(value), group=series["title"], setup=setup, published={})
        yield from _of_row(point, (column,), replace(overrides, fields=fields))


def _cells(table: Table, rows: Sequence[str], overrides: Overrides) -> list[Cells]:
    return [cells for row in chosen_rows(table, rows) for cells in _of_row(row, table.columns, overrides)]


def _of_row(row: Row, columns: Sequence[Column], overrides: Overrides) -> Iterator[Cells]:
    """The trained columns of a row, by what is trained for them."""
    trainings: dict[tuple[object, ...], tuple[Setup, list[str]]] = {}
    for column in columns:
        setup = _with(row.setup_of(column), overrides)
        if column.metric in setup.metrics:
            trainings.setdefault(_training(setup), (setup, []))[1].append(column.key)
    for setup, keys in trainings.values():
        try:
            variants, reason = _variants(setup, overrides), ""
        except SpecError as error:
            variants, reason = (), str(error)
        yield Cells(row=row, columns=tuple(keys), variants=variants, reason=reason)


def _training(setup: Setup) -> tuple[object, ...]:
    """The key of a training, without the counting convention of its network."""
    return (
        *(
            setup.task,
            setup.model,
            setup.backbone,
            setup.placement,
            setup.dataset,
            setup.module,
            setup.recipe,
            setup.maps,
        ),
        tuple(sorted(setup.hyperparameters.items())),
        tuple(sorted(setup.train.items())),
    )


def _with(setup: Setup, overrides: Overrides) -> Setup:
    """The setup of a cell with overrides.

    Another data set, model or recipe replaces the whole recipe of the paper, which was made for its own data set.
    """
    train: dict[str, tuple[Scalar, ...]] = {}
    other = bool(overrides.dataset or overrides.model)
    if not (other or overrides.recipe):
        train.update(setup.train)
    train |= {name: _parts(value) for name, value in overrides.fields.items()}
    return replace(
        setup,
        model=overrides.model or setup.model,
        backbone=overrides.backbone or setup.backbone,
        placement="" if setup.module == NO_MODULE else overrides.placement or setup.placement,
        dataset=overrides.dataset or setup.dataset,
        recipe=overrides.recipe or ("" if other else setup.recipe),
        train=train,
    )


def _variants(setup: Setup, overrides: Overrides) -> tuple[tuple[RunSpec, ...], ...]:
    """The runs of a cell, a tuple for each choice of the values in `train`; raises SpecError when it cannot be."""
    if setup.waits:
        raise SpecError(f"waits for {setup.task}")
    if setup.maps:
        raise SpecError("is a module without a network, which is not trained")
    for key in ("dataset", "backbone"):
        if not getattr(setup, key):
            raise SpecError(f"has no {key}; the paper's file can name one, or --{key}")
    _check_place(setup, overrides)
    return tuple(_expanded(setup, choice, overrides) for choice in itertools.product(*setup.train.values()))


def _check_place(setup: Setup, overrides: Overrides) -> None:
    """Raise SpecError when an overriding backbone lacks the row's placement."""
    if overrides.backbone and not overrides.placement and setup.placement:
        try:
            models.placement(setup.model, setup.backbone, setup.placement)
        except SpecError:
            place = setup.placement
            raise SpecError(f"{setup.backbone} has no placement {place}; give --placement") from None


def _expanded(setup: Setup, choice: Sequence[Scalar], overrides: Overrides) -> tuple[RunSpec, ...]:
    """The runs of one choice, a run for each seed; raises SpecError."""
    expansion = grid.expand(
        Axes(
            modules=(setup.module,),
            hyperparameters={name: (format_value(value),) for name, value in setup.hyperparameters.items()},
            models=(setup.model,),
            backbones=(setup.backbone,),
            datasets=(setup.dataset,),
            placements=(setup.placement or Axes.placements[0],),
            seeds=tuple(overrides.seeds),
            recipe=setup.recipe or None,
            overrides={name: (format_value(value),) for name, value in zip(setup.train, choice, strict=True)},
            init=overrides.init,
        )
    )
    if expansion.invalid:
        raise SpecError(expansion.invalid[0].reason)
    return tuple(expansion.specs)


def _check(overrides: Overrides) -> None:
    """Raise SpecError for an invalid name or value."""
    plain = Axes(modules=(NO_MODULE,))
    grid.expand(
        replace(
            plain,
            models=(overrides.model,),
            backbones=(overrides.backbone,) if overrides.backbone else (),
            datasets=(overrides.dataset,) if overrides.dataset else plain.datasets,
            placements=(overrides.placement,) if overrides.placement else plain.placements,
            seeds=overrides.seeds,
            recipe=overrides.recipe or None,
            overrides={name: _parts(value) for name, value in overrides.fields.items()},
        )
    )


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(","))
