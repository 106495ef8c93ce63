"""The runs that fill the cells of a paper's table or figure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Self

from attnctl import grid, models, papers
from attnctl.grid import Axes
from attnctl.papers import starts
from attnctl.papers.model import Figure, Paper, PaperColumn, PaperTable, Row, Setup
from attnctl.spec import NO_MODULE, RunSpec, Start, recipe_fields
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
    """The initial weights of all rows: as in `RunSpec.init`, or as `attnctl.papers.starts` names them."""
    inits: Mapping[str, str] = field(default_factory=dict)
    """Glob of row names -> initial weights of these rows; the first one that fits counts."""
    partial: bool = False
    """Weights that fit only partly are accepted."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of published weights and files, by `starts.published_key`."""
    bases: Mapping[str, Any] = field(default_factory=dict)
    """Name of a table, or * -> overrides of its rows where other rows start from them."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Recipe field -> value. A comma-separated list means several runs, of which one counts (`Setup.train`)."""
    seeds: tuple[str, ...] = ("0",)
    select: str = ""
    """`val`: of several trainings of a row the one counts that is best on images held out of the training set; empty:
    the one that is best on the test set."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values, without settings that keep the paper's."""
        document: dict[str, Any] = {**self._named(), **self._selection()}
        for name in ("fields", "inits", "weights", "bases"):
            if values := getattr(self, name):
                document[name] = dict(values)
        if self.partial:
            document["partial"] = True
        return document | {"seeds": list(self.seeds)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; raises SpecError."""
        try:
            return untrusted_json.decode(cls, document)
        except ValueError as error:
            raise SpecError(f"these are not overrides of a table: {error}") from error

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What was asked for, without the seeds and in any order: to look overrides up, and to compare them."""
        more = {name: values for name in ("inits", "weights", "bases") if (values := getattr(self, name))}
        texts = {name: json.dumps(values, sort_keys=name != "inits") for name, values in more.items()}
        partial = {"partial": "true"} if self.partial else {}
        return tuple(sorted({**self._named(), **self.fields, **texts, **partial, **self._selection()}.items()))

    def summary(self) -> str:
        """Such as `dataset=digits epochs=3`, without the seeds; empty if nothing is overridden."""
        words = [f"{name}={value}" for name, value in {**self._named(), **self.fields}.items()]
        return " ".join([*words, *(f"init={pattern}={word}" for pattern, word in self.inits.items())])

    def options(self) -> list[str]:
        """The equivalent command-line arguments: `--dataset`, `digits`, `--seed`, `0,1`."""
        options = {**self._named(), **self.fields, **self._selection()}
        if self.init:
            options["init"] = _typed(self.init)
        if self.seeds != Overrides().seeds:
            options["seed"] = ",".join(self.seeds)
        words = [argument for name, value in options.items() for argument in ("--" + name.replace("_", "-"), value)]
        for pattern, word in self.inits.items():
            words += ["--init", f"{pattern}={_typed(word)}"]
        for name, value in _flat(self.bases.get(ALL, {})).items():
            words += ["--base", f"{name}={value}"]
        return [*words, *(["--init-partial"] if self.partial else [])]

    def _selection(self) -> dict[str, str]:
        return {"select": self.select} if self.select else {}

    def _named(self) -> dict[str, str]:
        return {name: value for name in _NAMED if (value := getattr(self, name))}


ALL = "*"
"""In `Overrides.bases`: the rows of all tables."""


def _typed(word: str) -> str:
    """Initial weights as they are typed."""
    start = Start.of(word)
    return start.run or (RELATIVE.weights(start.file).as_posix() if start.file else word)


def _flat(overrides: Mapping[str, Any]) -> dict[str, str]:
    """Name -> value of the settings in a JSON form of overrides."""
    return {name: overrides[name] for name in _NAMED if name in overrides} | dict(overrides.get("fields", {}))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the rows of a table, or the panels of a figure, are trained with.

    parts: name of a row, or number of a panel from 1 -> its own overrides; the others have the default
    """

    default: Overrides = field(default_factory=Overrides)
    parts: Mapping[str, Overrides] = field(default_factory=dict)

    def of(self, part: str) -> Overrides:
        """The overrides of a row or panel."""
        return self.parts.get(part, self.default)

    def summary(self) -> str:
        """Such as `dataset=digits epochs=3`, with the number of rows or panels that have others."""
        others = sum(item.key != self.default.key for item in self.parts.values())
        own = self.default.summary() or ("the paper's values" if others else "")
        return f"{own} ({others} with others)" if others else own


HELD_OUT = "0.1"
"""The fraction of the training set that is held out to choose among several trainings, unless `val_split` says it."""

_NAMED = ("model", "backbone", "placement", "dataset", "recipe", "init")


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The runs of one row that fill some of its columns.

    variants: the runs of each combination of the values in `train`, over the seeds; one unless a list has several
    values. reason: why the row cannot be trained; variants is then empty. overrides: what they are trained with.
    selection: with `Overrides.select`, the same trainings with images held out, on which one of them is chosen.
    elsewhere: column key -> the data set or network on which its number is measured instead of the paper's, such as
    `dataset=digits`, so that it cannot be compared with the published one.
    """

    row: Row
    columns: tuple[str, ...]
    variants: tuple[tuple[RunSpec, ...], ...] = ()
    reason: str = ""
    overrides: Overrides = field(default_factory=Overrides)
    selection: tuple[tuple[RunSpec, ...], ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def seeds(self) -> set[int]:
        """The seeds that they are to have."""
        return set(map(int, self.overrides.seeds))

    @property
    def specs(self) -> tuple[RunSpec, ...]:
        """The runs of all variants, and those by which one of them is chosen."""
        return tuple(itertools.chain.from_iterable((*self.variants, *self.selection)))


def cells_of(table: PaperTable, overrides: Overrides | Settings, rows: Sequence[str] = ()) -> list[Cells]:
    """The runs of a table's rows. rows: globs of row names; empty: all.

    Raises SpecError for a glob that matches no row, and for overrides that are invalid for every row. Overrides that
    are invalid for some rows become the `reason` of these.
    """
    settings = _checked(overrides)
    return [
        cells
        for row in chosen_rows(table, rows)
        for cells in cells_of_row(row, table.columns, settings.of(row.name), Near(table))
    ]


def chosen_rows(table: PaperTable, patterns: Sequence[str]) -> list[Row]:
    """The rows that match any of the globs, in table order; all rows if there are none. Raises SpecError."""
    names = [row.name for row in table.rows]
    for pattern in patterns:
        if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
            raise SpecError(f"table {table.name} has no row {pattern!r}{did_you_mean(pattern, names)}")
    return [
        row
        for row in table.rows
        if not patterns or any(row.name == pattern or fnmatchcase(row.name, pattern) for pattern in patterns)
    ]


def figure_cells(
    figure: Figure, paper: Paper, overrides: Overrides | Settings, panels: Collection[int] = ()
) -> list[Cells]:
    """The runs behind a figure. Raises SpecError for overrides that are invalid for every row.

    A sweep has a row for each value of x, with the series' title as its group and x among its hyperparameters or recipe
    fields. Figures of other kinds have the selected rows of their table, or of their panels' tables. panels: only these
    """
    settings = _checked(overrides)
    check_panels(figure, panels)
    if figure.kind == "sweep":
        return [
            cells for series in figure.settings["series"] for cells in _series(figure, paper, series, settings.default)
        ]
    unique: dict[tuple[str, str], Cells] = {}
    rows: Sequence[Mapping[str, Any]] = ({"table": figure.table, "rows": figure.rows},)
    for number, panel in enumerate(figure.settings.get("panels") or rows, 1):
        table = paper.tables[panel["table"]]
        for row in chosen_rows(table, panel.get("rows", ())) if not panels or number in panels else ():
            for cells in cells_of_row(row, table.columns, settings.of(str(number)), Near(table)):
                unique.setdefault((table.number, f"{cells.row.name} {' '.join(cells.columns)}"), cells)
    return list(unique.values())


def check_panels(figure: Figure, panels: Collection[int]) -> None:
    """Raise SpecError for a panel that the figure does not have."""
    count = len(figure.settings.get("panels", ()))
    for number in panels:
        if not count:
            raise SpecError(f"figure {figure.number} of {figure.paper} has no panels; leave --panel out")
        if not 1 <= number <= count:
            raise SpecError(f"figure {figure.number} of {figure.paper} has no panel {number}; panels: 1 to {count}")


def _series(figure: Figure, paper: Paper, series: Mapping[str, Any], overrides: Overrides) -> Iterator[Cells]:
    """One row of a table, once for each value of x."""
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
        yield from cells_of_row(point, (column,), replace(overrides, fields=fields), Near(table))


@dataclass(frozen=True)
class Near:
    """Where a name of a row is read. table: of the row that says it. rows: what leads here, to find circles."""

    table: PaperTable | None = None
    rows: tuple[str, ...] = ()


def cells_of_row(row: Row, columns: Sequence[PaperColumn], overrides: Overrides, near: Near) -> Iterator[Cells]:
    """The runs of the trained columns of a row, grouped by training. near: where the row stands."""
    trainings: dict[tuple[object, ...], tuple[Setup, list[str]]] = {}
    elsewhere: dict[str, str] = {}
    for column in columns:
        setup = _apply(row.setup_of(column), overrides, row.name)
        if column.metric in setup.metrics:
            trainings.setdefault(_training(setup), (setup, []))[1].append(column.key)
            elsewhere[column.key] = _elsewhere(row.setup_of(column), setup)
    for setup, keys in trainings.values():
        try:
            variants, selection, reason = *_candidates(setup, overrides, near), ""
        except SpecError as error:
            variants, selection, reason = (), (), str(error)
        yield Cells(
            row=row,
            columns=tuple(keys),
            variants=variants,
            reason=reason,
            overrides=overrides,
            selection=selection,
            elsewhere={key: elsewhere[key] for key in keys if elsewhere[key]},
        )


def _elsewhere(own: Setup, actual: Setup) -> str:
    """The data set and network that replace the paper's, as typed; empty if both are the paper's."""
    names = ("model", "backbone", "dataset")
    return " ".join(f"{name}={getattr(actual, name)}" for name in names if getattr(actual, name) != getattr(own, name))


def _training(setup: Setup) -> tuple[object, ...]:
    """What determines a training; the counting conventions do not."""
    return (
        *(
            setup.task,
            setup.model,
            setup.backbone,
            setup.placement,
            setup.dataset,
            setup.module,
            setup.recipe,
            setup.init,
            setup.maps,
        ),
        tuple(sorted(setup.hyperparameters.items())),
        tuple(sorted(setup.train.items())),
    )


def _apply(setup: Setup, overrides: Overrides, row: str) -> Setup:
    """The setup of a cell with overrides. row: its name.

    Another data set, model or recipe replaces the paper's whole recipe, which belongs to its own data set.
    """
    train: dict[str, tuple[Scalar, ...]] = {}
    replaced = bool(overrides.dataset or overrides.model)
    if not (replaced or overrides.recipe):
        train.update(setup.train)
    train |= {name: _split(value) for name, value in overrides.fields.items()}
    return replace(
        setup,
        model=overrides.model or setup.model,
        backbone=overrides.backbone or setup.backbone,
        placement="" if setup.module == NO_MODULE else overrides.placement or setup.placement,
        dataset=overrides.dataset or setup.dataset,
        recipe=overrides.recipe or ("" if replaced else setup.recipe),
        init=next(
            (word for pattern, word in overrides.inits.items() if fnmatchcase(row, pattern)),
            overrides.init or setup.init,
        ),
        train=train,
    )


def _candidates(
    setup: Setup, overrides: Overrides, near: Near
) -> tuple[tuple[tuple[RunSpec, ...], ...], tuple[tuple[RunSpec, ...], ...]]:
    """The runs of a cell, and those by which one of several trainings is chosen; raises SpecError if there are none."""
    if overrides.select != "val":
        return _variants(setup, overrides, near), ()
    held_out = setup.train.get("val_split", (HELD_OUT,))
    whole = replace(setup, train={name: values for name, values in setup.train.items() if name != "val_split"})
    variants = _variants(whole, overrides, near)
    if len(variants) < 2:
        return variants, ()
    return variants, _variants(replace(setup, train={**setup.train, "val_split": held_out}), overrides, near)


def _variants(setup: Setup, overrides: Overrides, near: Near) -> tuple[tuple[RunSpec, ...], ...]:
    """The runs of a cell, one tuple per combination of the values in `train`; raises SpecError if there are none."""
    if setup.waits:
        raise SpecError(f"waits for {setup.task}")
    if setup.maps:
        raise SpecError("is a module without a network, which is not trained")
    for key in ("dataset", "backbone"):
        if not getattr(setup, key):
            raise SpecError(f"has no {key}; the paper's file can name one, or --{key}")
    _check_placement(setup, overrides)
    return tuple(_expand(setup, choice, overrides, near) for choice in itertools.product(*setup.train.values()))


def _check_placement(setup: Setup, overrides: Overrides) -> None:
    """Raise SpecError when an overriding backbone lacks the row's placement."""
    if overrides.backbone and not overrides.placement and setup.placement:
        try:
            models.placement(setup.model, setup.backbone, setup.placement)
        except SpecError:
            placement = setup.placement
            raise SpecError(f"{setup.backbone} has no placement {placement}; give --placement") from None


def _expand(setup: Setup, choice: Sequence[Scalar], overrides: Overrides, near: Near) -> tuple[RunSpec, ...]:
    """The runs of one combination, one per seed; raises SpecError."""
    settings = {name: format_value(value) for name, value in setup.hyperparameters.items()}
    expansion = grid.expand(
        Axes(
            modules=(setup.module,),
            hyperparameters={name: (text,) for name, text in settings.items() if "." not in name},
            addressed=_addressed(settings),
            models=(setup.model,),
            backbones=(setup.backbone,),
            datasets=(setup.dataset,),
            placements=(setup.placement or Axes.placements[0],),
            seeds=tuple(overrides.seeds),
            recipe=setup.recipe or None,
            overrides={name: (format_value(value),) for name, value in zip(setup.train, choice, strict=True)},
        )
    )
    if expansion.invalid:
        raise SpecError(expansion.invalid[0].reason)
    return tuple(started(spec, setup.init, overrides, near) for spec in expansion.specs)


def started(spec: RunSpec, word: str, overrides: Overrides, near: Near) -> RunSpec:
    """The run with its initial weights; raises SpecError. word: their name, as `attnctl.papers.starts` has them.

    Weights whose content is not known here remain a name in `RunSpec.init`, with which a run cannot be submitted.
    """
    if word in ("", starts.RANDOM):
        return spec
    if (name := starts.RowName.of(word)) is not None:
        base = base_of(name, spec.seed, overrides, near)
        return replace(spec, init=str(Start(run=base.id, partial=overrides.partial)), origin=base)
    known = Start.of(word)
    digest = known.file or overrides.weights.get(starts.published_key(word, spec.backbone), "")
    if not (digest or known.run):
        return replace(spec, init=word)
    return replace(spec, init=str(Start(run=known.run, file=digest, partial=overrides.partial)))


def base_of(name: starts.RowName, seed: int, overrides: Overrides, near: Near) -> RunSpec:
    """The run of a row from which another one starts, with the same seed; raises SpecError.

    It has settings of its own (`Overrides.bases`), but the backbone and the placement that replace the paper's in the
    run that starts from it. If the paper has several values of a recipe field, the first counts.
    """
    table = _named_table(name, near)
    there = replace(name, paper=table.paper.lower())
    if str(there) in near.rows:
        raise SpecError(f"{name} starts from itself")
    own = Overrides.from_json(overrides.bases.get(table.name) or overrides.bases.get(ALL) or {})
    shared = {key: getattr(own, key) or getattr(overrides, key) for key in ("backbone", "placement")}
    own = replace(
        own, **shared, seeds=(str(seed),), weights=overrides.weights, bases=overrides.bases, partial=overrides.partial
    )
    variants = _trainings_of(name, table, own, Near(table, (*near.rows, str(there))))
    return variants[0][0]


def _named_table(name: starts.RowName, near: Near) -> PaperTable:
    own = near.table is not None and near.table.file is not None and near.table.paper.lower() == name.paper.lower()
    paper = papers.load(str(near.table.file) if own and near.table is not None else name.paper)
    if name.table not in paper.tables:
        raise SpecError(f"{paper.name} has no table {name.table!r}, which {name} names")
    return paper.tables[name.table]


def _trainings_of(
    name: starts.RowName, table: PaperTable, overrides: Overrides, near: Near
) -> tuple[tuple[RunSpec, ...], ...]:
    """The variants of the one training that a name means; raises SpecError."""
    rows = {row.name: row for row in (*table.rows, *table.bases)}
    row = rows.get(name.row)
    if row is None:
        raise SpecError(f"table {table.name} has no row {name.row!r}{did_you_mean(name.row, rows)}")
    if row in table.bases:
        return _variants(_apply(row.setup, overrides, row.name), overrides, near)
    columns = [column for column in table.columns if name.column in ("", column.key)]
    cells = list(cells_of_row(row, columns, overrides, near))
    if not cells:
        raise SpecError(f"{name} is not trained")
    if len(cells) > 1:
        choices = " or ".join(f"{name}@{item.columns[0]}" for item in cells)
        raise SpecError(f"{name} has several trainings; write {choices}")
    if not cells[0].variants:
        raise SpecError(f"{name}: {cells[0].reason}")
    return cells[0].variants


def _addressed(settings: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The hyperparameters that name their module, as `ean.G` of `ean+se`."""
    parts = {name: name.rpartition(".") for name in settings if "." in name}
    return {(module, key): (settings[name],) for name, (module, _, key) in parts.items()}


def _checked(overrides: Overrides | Settings) -> Settings:
    """The same as settings; raises SpecError for an invalid name or value."""
    settings = overrides if isinstance(overrides, Settings) else Settings(default=overrides)
    for item in (settings.default, *settings.parts.values()):
        _check(item)
    return settings


def _check(overrides: Overrides) -> None:
    """Raise SpecError for an invalid name or value."""
    axes = Axes(modules=(NO_MODULE,))
    grid.expand(
        replace(
            axes,
            models=(overrides.model,),
            backbones=(overrides.backbone,) if overrides.backbone else (),
            datasets=(overrides.dataset,) if overrides.dataset else axes.datasets,
            placements=(overrides.placement,) if overrides.placement else axes.placements,
            seeds=overrides.seeds,
            recipe=overrides.recipe or None,
            overrides={name: _split(value) for name, value in overrides.fields.items()},
        )
    )


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(","))
