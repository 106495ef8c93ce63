"""The charts of a paper's figures: what was measured, beside the numbers that the paper prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from attnctl import models, papers
from attnctl.db import RunRow
from attnctl.papers.runs import Cells, chosen_rows
from attnctl.reports.display_names import PLAIN, TASKS, DisplayNames
from attnctl.reports.figures import charts
from attnctl.reports.figures.data import Axis, Chart, Charts, Level, Point, Series
from attnctl.reports.figures.points import metric_axis, value_axis, with_front
from attnctl.reports.published.candidates import choose
from attnctl.reports.replicates import Metric, Replicates, finished
from attnctl.values import SpecError

_COSTS = {"params": "params", "flops": "macs"}
"""Key of a paper's column -> what of a run goes with it."""
_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a figure is drawn from.

    cells: as `figure_cells` gives them. plain: of a sweep, the rows without a module beside those of its series.
    found: runs by family
    """

    paper: papers.Paper
    figure: papers.Figure
    cells: Sequence[Cells]
    plain: Mapping[str, Cells] = field(default_factory=dict)
    found: Mapping[str, Sequence[RunRow]]
    histories: charts.Histories
    backbone: str = ""
    """What all runs have instead of the paper's backbones; then the series of a sweep are one."""
    names: DisplayNames = PLAIN
    """What data sets and networks are called."""

    def runs(self, cells: Cells, metric: Metric) -> Replicates:
        """The runs that count of a row: of several trainings those with the best mean."""
        return choose(cells, self.found, metric, (), cells.seeds).runs

    def panel(self, number: int) -> list[Cells]:
        """The cells of a panel, from 1."""
        part = self.figure.settings["panels"][number - 1]
        rows = chosen_rows(self.paper.tables[part["table"]], part.get("rows", ()))
        return [cells for cells in self.cells if cells.row in rows]


class NoResultsYet(SpecError):  # noqa: N818 - what it is, not how it is raised
    """There is nothing to draw before something is trained."""


def build(material: Material) -> Charts:
    """The charts; raises NoResultsYet."""
    makers = {"sweep": _sweep, "curves": _curves, "scatter": _scatter}
    panels = [panel for panel in makers[material.figure.kind](material) if panel.series or panel.levels]
    if not any(_is_measured(panel) for panel in panels):
        figure = material.figure
        raise NoResultsYet(f"figure {figure.number} of {figure.paper} has no measured values yet")
    return Charts(panels=tuple(panels))


def _is_measured(panel: Chart) -> bool:
    """Whether anything in a panel comes from runs; the paper's own points alone are no figure of one's own."""
    return bool(panel.levels) or any(not series.published for series in panel.series)


def first_completed(material: Material) -> list[tuple[papers.Row, RunRow | None]]:
    """Of each row the completed run with the lowest seed, to be looked into."""
    metric = Metric(name=material.figure.y)
    found = []
    for cells in material.cells:
        done = material.runs(cells, metric).done(metric)
        found.append((cells.row, done[0] if done else None))
    return found


def is_missing(material: Material, number: int) -> bool:
    """Whether a row of a panel that can be trained has no completed run. number: of the panel, from 1"""
    return any(not cells.reason and not _is_trained(material, cells) for cells in material.panel(number))


def _is_trained(material: Material, cells: Cells) -> bool:
    """Whether a run of a row has completed, whatever its metrics."""
    return any(map(finished, material.runs(cells, Metric(name=material.figure.y)).rows))


def unfinished(material: Material) -> tuple[list[str], dict[str, list[str]]]:
    """The rows without a completed run, by name: those that can be trained, and by reason those that cannot."""
    missing: list[str] = []
    barred: dict[str, list[str]] = defaultdict(list)
    for cells in material.cells:
        if cells.reason:
            barred[cells.reason].append(cells.row.name)
        elif not _is_trained(material, cells):
            missing.append(cells.row.name)
    return list(dict.fromkeys(missing)), {reason: list(dict.fromkeys(names)) for reason, names in barred.items()}


# ---------------------------------------------------------------------------------------------------------------- sweep


def _sweep(material: Material) -> list[Chart]:
    """Over a hyperparameter, a series for each of the paper's."""
    figure = material.figure
    points: dict[str, dict[float, Point]] = defaultdict(dict)
    metrics = {item["title"]: _metric(material, item) for item in figure.settings["series"]}
    for cells in material.cells:
        metric = metrics[cells.row.group]
        point = _mean(float(cells.row.printed), material.runs(cells, metric), metric)
        if point is not None:
            points[_network(material) or cells.row.group][point.x] = point
    series = [
        Series(name=name, points=tuple(point for _, point in sorted(found.items()))) for name, found in points.items()
    ]
    if not any(cells.elsewhere for cells in material.cells):
        for name, values in figure.published.items():
            printed = tuple(
                Point(x=float(x), y=float(y)) for x, y in sorted(values.items(), key=lambda item: float(item[0]))
            )
            series.append(Series(name=name, points=printed, published=True))
    numbers = sorted({point.x for item in series for point in item.points})
    levels: dict[str, Level] = {}
    for title, cells in material.plain.items():
        point = _mean(0.0, material.runs(cells, metrics[title]), metrics[title])
        if point is not None:
            name = f"{_network(material) or title}, no attention"
            levels[name] = Level(name=name, y=point.y, spread=point.spread, n=point.n, runs=point.runs)
    axis = value_axis(figure.x, numbers) if numbers else Axis(name=figure.x, title=figure.x)
    return [
        Chart(
            kind="sweep",
            x=axis,
            y=_axis(next(iter(metrics.values()))),
            series=tuple(series),
            levels=tuple(levels.values()),
        )
    ]


def _network(material: Material) -> str:
    """What the backbone is called that all runs have; empty where they have the paper's."""
    return material.names.network(material.backbone) if material.backbone else ""


def baseline(paper: papers.Paper, series: Mapping[str, str]) -> papers.Row | None:
    """The row without a module beside the one that a series is of."""
    rows = paper.tables[series["table"]].rows
    (own,) = (row for row in rows if row.name == series["row"])
    return next((row for row in rows if row.baseline and row.on == own.on), None)


def _metric(material: Material, series: Mapping[str, str]) -> Metric:
    table = material.paper.tables[series["table"]]
    (column,) = (column for column in table.columns if column.key == series["column"])
    return Metric(name=column.metric, error=column.error)


# --------------------------------------------------------------------------------------------------------------- curves


def _curves(material: Material) -> list[Chart]:
    """The figure's metric over the epochs, with the epochs to each accuracy, then its further metrics."""
    figure = material.figure
    metric = Metric(name=figure.y)
    runs = {cells.row.name: material.runs(cells, metric).rows for cells in material.cells}
    groups = {cells.row.group for cells in material.cells}
    printed = {cells.row.name: cells.row.printed if len(groups) == 1 else cells.row.name for cells in material.cells}
    panels = []
    for name in (figure.y, *figure.settings.get("also", ())):
        series = [charts.curve(printed[row], rows, material.histories, name) for row, rows in runs.items()]
        targets = figure.settings.get("reach", ()) if name == figure.y else ()
        panels.append(charts.of_curves([item for item in series if item.points], name, targets))
    return panels


# -------------------------------------------------------------------------------------------------------------- scatter


def _scatter(material: Material) -> list[Chart]:
    """A metric against the cost, a panel for each table."""
    figure = material.figure
    whole: Mapping[str, Any] = {"table": figure.table, "rows": figure.rows}
    panels = [
        _panel(material, {"x": figure.x, "y": figure.y, **part}) for part in figure.settings.get("panels") or (whole,)
    ]
    return panels if len(panels) > 1 else [replace(panel, title="") for panel in panels]


def _panel_title(cells: Iterable[Cells], names: DisplayNames) -> str:
    """The task and the data set of a panel's runs, such as `Detection on VOC 2007`; empty if none can be trained."""
    spec = next((spec for item in cells for spec in item.specs), None)
    return f"{TASKS[models.task(spec.model)]} on {names.dataset(spec.dataset)}" if spec is not None else ""


def _panel(material: Material, part: Mapping[str, Any]) -> Chart:
    table = material.paper.tables[part["table"]]
    cost = next((column for column in table.columns if column.key == part["x"]), None)
    y = next((column for column in table.columns if column.metric == part["y"]), None)
    if cost is None or y is None or part["x"] not in _COSTS:
        raise SpecError(f"table {table.name} has no columns {part['x']} and {part['y']} to plot")
    unit = cost.unit[:1].replace("K", "k")
    metric = Metric(name=y.metric, error=y.error)
    measured: dict[str, list[Point]] = defaultdict(list)
    printed: dict[str, list[Point]] = defaultdict(list)
    of_row = {cells.row.name: cells for cells in material.cells if y.key in cells.columns and cells.row in table.rows}
    published = not any(cells.elsewhere.get(y.key) for cells in of_row.values())
    for row in chosen_rows(table, part.get("rows", ())):
        runs = material.runs(of_row[row.name], metric) if row.name in of_row else Replicates()
        size = next((value for run in runs.rows if (value := getattr(run, _COSTS[part["x"]]))), None)
        point = _mean(size / _UNITS.get(unit, 1.0), runs, metric, row.printed) if size else None
        if point is not None:
            measured[row.group or table.rows[0].printed].append(point)
        x, value = (_printed(row.published.get(column.key, "")) for column in (cost, y))
        if published and x is not None and value is not None:
            printed[row.group or table.rows[0].printed].append(
                Point(x=x, y=value, name="" if point is not None else row.printed)
            )
    ours = with_front((Series(name=name, points=tuple(found)) for name, found in measured.items()), lower=metric.lower)
    theirs = [Series(name=name, points=tuple(found), published=True) for name, found in printed.items()]
    title = f"{cost.title or cost.key} ({cost.unit})" if cost.unit else cost.title
    return Chart(
        kind="scatter",
        title=_panel_title(of_row.values(), material.names) or f"table {table.number}",
        x=Axis(name=part["x"], title=title),
        y=Axis(name=y.metric, title=f"{y.title} ({y.unit})" if y.unit else y.title),
        series=(*ours, *(theirs if ours else with_front(theirs, lower=metric.lower))),
    )


def _printed(text: str) -> float | None:
    """A number as a paper prints it; None where it prints none."""
    try:
        return float(text.replace(",", "").rstrip("%MGKBk "))
    except ValueError:
        return None


def _mean(x: float, runs: Replicates, metric: Metric, name: str = "") -> Point | None:
    found = runs.summary(metric)
    if found is None:
        return None
    behind = tuple(row.id for row in runs.done(metric))
    return Point(x=x, y=found.mean, spread=found.spread, n=found.n, name=name, runs=behind)


def _axis(metric: Metric) -> Axis:
    axis = metric_axis(metric.name)
    return Axis(name=axis.name, title=axis.title.replace(" (", " error (")) if metric.error else axis
