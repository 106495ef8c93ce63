"""The comparison table: attention modules against the plain backbone, for each backbone and data set."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from attnctl.records import Speed
from attnctl.spec import NO_MODULE
from attnctl.state import State
from attnctl.values import Scalar, listed, text
from db import RunRow
from reports.speeds import of_runs
from reports.table import Cell, Column, Group, Row, Table

K = TypeVar("K")

TOP1 = Column(name="top1", title="top-1", unit="%", better="higher", measured=True)
TOP5 = Column(name="top5", title="top-5", unit="%", better="higher", measured=True)
METRICS = (TOP1, TOP5)
FPS = Column(name="fps", title="FPS", decimals=0)
SEEDS = Column(name="seeds", title="seeds", decimals=0)


@dataclass(frozen=True)
class _Place:
    """What the rows of one group have in common."""

    backbone: str
    dataset: str
    recipe: tuple[tuple[str, Scalar], ...]
    """The fields in which the recipes for this backbone and data set differ."""


def build(rows: Sequence[RunRow], title: str = "", speeds: Sequence[Speed] = ()) -> Table:
    """The table of these runs. Seeds become one row: mean, spread and their number.

    speeds: measurements of inference, newest first; where they are of these networks they become a column.
    """
    groups = _grouped(rows, _place_of(rows))
    varying = _varying_settings(rows)
    with_placement = len({row.placement for row in rows if row.placement}) > 1
    columns: tuple[Column, ...] = (*METRICS, *_size_columns(rows))
    fps, conditions = of_runs(rows, speeds)
    if fps:
        columns = (*columns, FPS)
    if any(len(members) > 1 for parts in groups.values() for members in parts.values()):
        columns = (*columns, SEEDS)
    made = []
    for place, parts in groups.items():
        ordered = sorted(parts.values(), key=lambda members: _order(members[0]))
        headers = _distinct([_header(members[0], varying, with_placement) for members in ordered], ordered)
        lines = [
            Row(header=header, cells=tuple(_cell(column, members, fps) for column in columns))
            for header, members in zip(headers, ordered, strict=True)
        ]
        made.append(Group(title=_group_title(place), rows=_with_best(lines, columns)))
    return Table(
        title=title,
        headers=("module", "placement") if with_placement else ("module",),
        columns=columns,
        groups=tuple(made),
        notes=(
            *_notes(rows, varying, columns),
            *([f"FPS: images per second of inference; {conditions}."] if fps else []),
        ),
    )


# --------------------------------------------------------------------------------------------------- rows and groups


def _place_of(rows: Sequence[RunRow]) -> Mapping[str, _Place]:
    """The group of each run, by its id."""
    settings: dict[tuple[str, str], list[RunRow]] = defaultdict(list)
    for row in rows:
        settings[row.backbone, row.dataset].append(row)
    places = {}
    for (backbone, dataset), members in sorted(settings.items()):
        recipes = {row.recipe_values: row.recipe for row in members}
        differing = _differing(recipes.values())
        chosen = {
            values: _Place(backbone, dataset, tuple((name, recipe.get(name)) for name in differing))
            for values, recipe in recipes.items()
        }
        places.update({row.id: chosen[row.recipe_values] for row in members})
    return places


def _grouped(
    rows: Sequence[RunRow], places: Mapping[str, _Place]
) -> dict[_Place, dict[tuple[object, ...], list[RunRow]]]:
    """Group -> what the seeds of one row share -> its runs, in the order of their seeds."""
    groups: dict[_Place, dict[tuple[object, ...], list[RunRow]]] = {}
    for row in sorted(rows, key=lambda row: (row.backbone, row.dataset, repr(places[row.id].recipe), row.seed)):
        parts = groups.setdefault(places[row.id], {})
        parts.setdefault((row.label, row.placement, row.versions), []).append(row)
    return groups


def _differing(settings: Iterable[Mapping[str, K]]) -> list[str]:
    """The names whose values are not alike in all of these."""
    values: dict[str, set[K]] = {}
    for setting in settings:
        for name, value in setting.items():
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1]


def _varying_settings(rows: Sequence[RunRow]) -> Mapping[str, list[str]]:
    """Module -> the hyperparameters in which its runs here differ: these name its rows."""
    modules: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)
    for row in rows:
        modules[row.module][row.label] = row.hyperparameters
    return {module: _differing(settings.values()) for module, settings in modules.items()}


def _order(row: RunRow) -> tuple[object, ...]:
    """The plain backbone first, then by name; hyperparameters by their size."""
    values = [(name, *_sortable(value)) for name, value in sorted(row.hyperparameters.items())]
    return row.module != NO_MODULE, row.module, values, row.placement, row.versions


def _sortable(value: str) -> tuple[float, str]:
    try:
        number = float(value)
    except ValueError:
        return math.inf, value
    return number, ""


def _header(row: RunRow, varying: Mapping[str, list[str]], with_placement: bool) -> tuple[str, ...]:
    settings = [f"{name}={row.hyperparameters[name]}" for name in varying[row.module] if name in row.hyperparameters]
    name = "no attention" if row.module == NO_MODULE else " ".join([row.module, *settings])
    return (name, row.placement) if with_placement else (name,)


def _distinct(headers: list[tuple[str, ...]], ordered: Sequence[Sequence[RunRow]]) -> list[tuple[str, ...]]:
    """Headers that two rows share get the versions of the code, in which alone these differ."""
    counts = Counter(headers)
    return [
        (f"{header[0]} (code {members[0].versions})", *header[1:]) if counts[header] > 1 else header
        for header, members in zip(headers, ordered, strict=True)
    ]


def _group_title(place: _Place) -> str:
    recipe = [f"{name}={text(value)}" for name, value in place.recipe]
    return f"{place.backbone} on {place.dataset}" + (f", {' '.join(recipe)}" if recipe else "")


# --------------------------------------------------------------------------------------------------------------- cells


def _size_columns(rows: Sequence[RunRow]) -> tuple[Column, Column]:
    """Params in thousands or millions and MACs in millions or billions, by the smallest that is to be told."""
    params = min((row.params for row in rows if row.params), default=0)
    macs = min((row.macs for row in rows if row.macs), default=0)
    size = ("M", 1e6) if params >= 1e5 or not params else ("k", 1e3)
    work = ("G", 1e9) if macs >= 1e9 else ("M", 1e6)
    return (
        Column(name="params", title="params", unit=size[0], scale=size[1], decimals=3),
        Column(name="macs", title="MACs", unit=work[0], scale=work[1], decimals=3 if work[0] == "G" else 2),
    )


def _cell(column: Column, members: Sequence[RunRow], fps: Mapping[str, float]) -> Cell:
    if column.name == SEEDS.name:
        done = [row for row in members if _finished(row)]
        return Cell(value=len(done), n=len(done), wanted=len(members), runs=tuple(row.id for row in done))
    if column not in METRICS:
        values = [(row.id, fps.get(row.id) if column is FPS else getattr(row, column.name)) for row in members]
        known = [(run, value) for run, value in values if value is not None]
        value = known[0][1] if known else None
        return Cell(value=value, n=len(known), wanted=len(members), runs=tuple(run for run, _ in known))
    done = [row for row in members if _finished(row) and column.name in row.metrics]
    measured = [row.metrics[column.name] for row in done]
    return Cell(
        value=statistics.fmean(measured) if measured else None,
        spread=statistics.stdev(measured) if len(measured) > 1 else None,
        n=len(measured),
        wanted=len(members),
        state=_missing(members, len(measured)),
        runs=tuple(row.id for row in done or members),
    )


def _finished(row: RunRow) -> bool:
    return row.state == State.COMPLETED


def _missing(members: Sequence[RunRow], n: int) -> str:
    """What is not there yet, in words: of one run its state, of several how many and the states of the rest."""
    rest = list(dict.fromkeys(_words(row) for row in members if not _finished(row)))
    if not rest and n < len(members):
        rest = ["not measured"]
    if not rest:
        return ""
    return listed(rest) if len(members) == 1 else f"n={n} of {len(members)}: {listed(rest)}"


def _words(row: RunRow) -> str:
    state = State(row.state)
    if state is State.RUNNING and row.progress is not None:
        return f"running {math.floor(100 * row.progress)}%"
    return f"failed: {state}" if state.failed and state is not State.DIVERGED else str(state)


def _with_best(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[Row, ...]:
    """The rows with the best cell of each column marked, and whatever shows the same number."""
    cells = [list(row.cells) for row in rows]
    for position, column in enumerate(columns):
        shown = [(row[position].value, row) for row in cells]
        values = [value for value, _ in shown if value is not None]
        if column.better is None or len(values) < 2:
            continue
        best = column.show(max(values) if column.better == "higher" else min(values))
        for value, row in shown:
            if value is not None and column.show(value) == best:
                row[position] = replace(row[position], best=True)
    return tuple(replace(row, cells=tuple(own)) for row, own in zip(rows, cells, strict=True))


# --------------------------------------------------------------------------------------------------------------- notes


def _notes(rows: Sequence[RunRow], varying: Mapping[str, list[str]], columns: Sequence[Column]) -> Iterable[str]:
    """What a reader must know to read the numbers right."""
    held_out = sorted({float(str(row.recipe.get("val_split") or 0)) for row in rows})
    if held_out == [0.0]:
        where = "the test set"
    elif held_out[0] > 0:
        where = "images held out of the training set (val_split)"
    else:
        where = "the test set, or images held out of the training set where val_split is not 0"
    yield f"top-1 and top-5: accuracy on {where} after the LAST epoch. The highest of each group is bold."
    if SEEDS in columns:
        yield "Mean ± sample standard deviation (ddof = 1) over the seeds that are done."
    yield "params: all parameters. MACs: multiply-accumulates of convolutions and matrix products, one image. Exact."
    for module, names in sorted(varying.items()):
        settings = next(row.hyperparameters for row in rows if row.module == module)
        same = [f"{name}={value}" for name, value in sorted(settings.items()) if name not in names]
        if same:
            yield f"{module}: {' '.join(same)} in all of its rows."
    placements = sorted({row.placement for row in rows if row.placement})
    if len(placements) == 1:
        yield f"placement: {placements[0]}."
    for row in rows:
        if row.alarm:
            yield f"Run {row.id}: {row.alarm}."
