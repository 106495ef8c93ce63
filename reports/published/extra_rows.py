"""Rows below a paper's table: runs with the recipe of one of its rows that are no row of the table themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl import papers
from attnctl.db import RunRow
from attnctl.papers.runs import Cells
from attnctl.spec import NO_MODULE, RunSpec, recipe_fields
from attnctl.values import Scalar
from attnctl.workspace.records import RecordError

Training = tuple[str, str, str, tuple[Scalar, ...]]
"""What a run shares with a row of the table: model, backbone, data set, recipe."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """The rows, each after the group of the table that it belongs to. parents: key of their group -> of the table's.

    cells: their runs. found: what became of these, by family
    """

    rows: Sequence[papers.Row] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    cells: Sequence[Cells] = ()
    found: Mapping[str, Sequence[RunRow]] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A training of the table: the row that it was first found in, and the columns that it fills."""

    row: papers.Row
    columns: tuple[str, ...]


def extra_rows(table: papers.PaperTable, cells: Sequence[Cells], runs: Iterable[RunRow]) -> Extra:
    """The rows of these runs, in the order of the table's groups. cells: the runs that fill the table's own rows.

    A run fits when a row of the table has its network, data set and recipe, and no row has its module with these
    hyperparameters at this placement.
    """
    known = {spec.family for item in cells for spec in item.specs}
    places = trainings(cells)
    by_row: dict[tuple[str, str], dict[tuple[str, ...], dict[str, list[RunRow]]]] = {}
    for run in runs:
        if run.family in known or not run.family:
            continue
        for place in places.get(training_of(run), ()):
            columns = by_row.setdefault((place.row.on, _name(run)), {}).setdefault(place.columns, {})
            columns.setdefault(run.lineage or run.family, []).append(run)
    return _assembled(table, by_row)


def training_of(run: RunRow) -> Training:
    """The run's, to look up in `trainings`."""
    return run.model, run.backbone, run.dataset, run.recipe_values


def trainings(cells: Sequence[Cells]) -> Mapping[Training, Sequence[Place]]:
    """The trainings of the table, each with the columns that it fills in the first group that has it.

    With another backbone than the paper's, all groups have the same trainings.
    """
    places: dict[Training, dict[tuple[str, ...], Place]] = defaultdict(dict)
    for item in cells:
        for variant in item.variants:
            spec = variant[0]
            recipe = tuple(vars(spec.recipe)[name] for name in recipe_fields())
            training = (spec.model, spec.backbone, spec.dataset, recipe)
            first = next(iter(places[training].values()), None)
            if first is None or first.row.on == item.row.on:
                places[training].setdefault(item.columns, Place(item.row, item.columns))
    return {training: list(found.values()) for training, found in places.items()}


def _assembled(
    table: papers.PaperTable, by_row: Mapping[tuple[str, str], Mapping[tuple[str, ...], Mapping[str, list[RunRow]]]]
) -> Extra:
    rows: list[papers.Row] = []
    cells: list[Cells] = []
    found: dict[str, list[RunRow]] = {}
    parents: dict[str, str] = {}
    taken = {row.name for row in table.rows}
    first = {row.on: row for row in reversed(table.rows)}
    for on in dict.fromkeys(row.on for row in table.rows):
        for (group, name), columns in sorted(by_row.items(), key=lambda item: item[0][1]):
            if group != on:
                continue
            members = [run for lineages in columns.values() for runs in lineages.values() for run in runs]
            specs = {run.id: spec for run in members if (spec := _spec(run)) is not None}
            if not specs:
                continue
            row = _row(first[on], _unique(name, taken), next(iter(specs.values())))
            rows.append(row)
            parents[row.on] = on
            for keys, lineages in columns.items():
                variants = (tuple(specs[run.id] for run in runs if run.id in specs) for runs in lineages.values())
                cells.append(Cells(row=row, columns=keys, variants=tuple(filter(None, variants))))
            for run in members:
                found.setdefault(run.family, []).append(run)
    return Extra(rows=rows, parents=parents, cells=cells, found=found)


def _row(sibling: papers.Row, name: str, spec: RunSpec) -> papers.Row:
    """A row in a group of its own below the sibling's. Its counting conventions are not the paper's."""
    setup = papers.Setup(
        model=spec.model,
        backbone=spec.backbone,
        placement=spec.placement,
        dataset=spec.dataset,
        module=spec.module,
        hyperparameters=dict(spec.hyperparameters),
    )
    return papers.Row(
        name=name,
        printed=name,
        on=f"{sibling.on}, not in the paper",
        group=f"{sibling.group}: not in the paper" if sibling.group else "Not in the paper",
        setup=setup,
    )


def _name(run: RunRow) -> str:
    """Such as `ela groups=c kernel=5, stage`."""
    start = f"from {run.init}" if run.init and not run.init.startswith("run:") else ""
    parts = ("no attention", start) if run.module == NO_MODULE else (run.label, run.placement, start)
    return ", ".join(filter(None, parts))


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number if the table has it already."""
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    taken.add(unique)
    return unique


def _spec(run: RunRow) -> RunSpec | None:
    try:
        return run.spec
    except RecordError:  # `attnctl status` says so
        return None


def with_rows(table: papers.PaperTable, extra: Extra) -> papers.PaperTable:
    """The table with these rows at its end."""
    return replace(table, rows=(*table.rows, *extra.rows))
