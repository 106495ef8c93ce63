"""Runs and their histories as the index gives them, and drawings, without an index."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from attnctl.db.rows import Details, MetricRow, RunRow
from attnctl.grid import Axes, expand
from attnctl.reports.figures.data import (
    Axis,
    BarPanel,
    Bars,
    BarSeries,
    Chart,
    Charts,
    Distribution,
    Histograms,
    ImageGrid,
    Level,
    Matrices,
    MatrixPanel,
    Panel,
    Point,
    Reached,
    Series,
    Tile,
)
from attnctl.spec import RunSpec
from attnctl.values import format_value


def runs(value: Callable[[RunSpec], float | None], **axes: Any) -> list[RunRow]:
    """The runs of a grid. value: a run's top-1; None where it is not done."""
    return of_specs(expand(Axes(**axes)).specs, value)


def of_specs(specs: Sequence[RunSpec], value: Callable[[RunSpec], float | None]) -> list[RunRow]:
    """These runs."""
    parts: dict[str, Mapping[str, Any]] = {
        "hyperparameters": {
            spec.id: {name: format_value(item) for name, item in spec.hyperparameters} for spec in specs
        },
        "recipe": {spec.id: tuple(vars(spec.recipe).values()) for spec in specs},
        "spec": {spec.id: json.dumps(spec.to_json()) for spec in specs},
        "best": {},
    }
    details = Details(parts.__getitem__)
    return [_row(spec, value(spec), details) for spec in specs]


def _row(spec: RunSpec, top1: float | None, details: Details) -> RunRow:
    groups = dict(spec.hyperparameters).get("G", 1)
    assert isinstance(groups, int)
    cost = 0 if spec.module == "none" else 1000 // groups
    return RunRow(
        id=spec.id,
        module=spec.module,
        label=spec.label(),
        backbone=spec.backbone,
        placement=spec.placement,
        dataset=spec.dataset,
        versions=str(spec.versions),
        family=spec.family,
        seed=spec.seed,
        state="running" if top1 is None else "completed",
        reason="",
        since=0.0,
        params=272_000 + cost,
        macs=40_000_000 + cost,
        metrics={} if top1 is None else {"top1": top1, "loss": 1 - top1 / 100},
        details=details,
    )


def history(values: Sequence[float], name: str = "top1") -> list[MetricRow]:
    """A metric of the epochs from 1 on."""
    return [MetricRow(name, 10 * epoch, epoch, value, 1, 0) for epoch, value in enumerate(values, 1)]


NAME = r"a $x_1$ & 50%_ \alpha <b>é</b>"
"""What users may call things."""


def points(*values: float, spread: float | None = 0.4) -> tuple[Point, ...]:
    return tuple(Point(x=2.0**k, y=y, spread=spread, n=3, name=f"net {k}") for k, y in enumerate(values))


def sweep_chart() -> Charts:
    chart = Chart(
        kind="sweep",
        x=Axis(name="G", title="G", log=2, ticks=(1, 2, 4, 8)),
        y=Axis(name="top1", title="top-1 (%)"),
        series=(
            Series(name=NAME, points=points(76, 77, 78, 77.5)),
            Series(name="MobileNeXt", points=points(74, 74.5, spread=None)),
            Series(name=NAME, points=points(76.5, 77.5, spread=None), published=True),
        ),
        levels=(Level(name="no attention", y=75.5, spread=0.2, n=3),),
    )
    return Charts(title=NAME, panels=(chart,))


def curves_chart() -> Charts:
    names = ("no attention", "se", "ean G=8")
    series = tuple(
        Series(
            name=name,
            points=tuple(Point(x=e, y=75 + k - 40 / e, spread=0.5, n=2) for e in range(1, 31)),
        )
        for k, name in enumerate(names)
    )
    reached = tuple(Reached(series=name, target=72.0, epoch=15.0 - k) for k, name in enumerate(names))
    axes: dict[str, Any] = {"x": Axis(name="epoch", title="epoch"), "y": Axis(name="top1", title="top-1 (%)")}
    first = Chart(kind="curves", series=series, targets=(72.0,), reached=reached, **axes)
    return Charts(panels=(first, Chart(kind="curves", series=series, **axes)))


def scatter_chart() -> Charts:
    front = tuple(Point(x=k, y=70 + k, name=f"front {k}", front=True) for k in range(3))
    rest = tuple(Point(x=k + 0.5, y=69.0 + k, name=f"rest {k}") for k in range(3))
    chart = Chart(
        kind="scatter",
        x=Axis(name="params", title="parameters (M)"),
        y=Axis(name="top1", title="top-1 (%)"),
        series=(Series(name="resnet50", points=front), Series(name="resnet18", points=rest)),
    )
    return Charts(panels=(chart,))


def image_grid() -> ImageGrid:
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    heat = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    row = (Tile(image), Tile(image, heat, "7 (0.98)"), Tile(image, heat, "7 (0.99)"))
    return ImageGrid(columns=("image", "no attention", NAME), rows=("class 7", "class 1"), tiles=(row, row))


def histograms() -> Histograms:
    edges = np.linspace(0, 1, 11)
    densities = np.array([np.arange(10.0), np.arange(10.0)[::-1]]) / 4.5
    distributions = tuple(Distribution(name=f"class {k}", densities=densities, distance=0.5) for k in range(2))
    panels = tuple(
        Panel(row=row, column=column, edges=edges, distributions=distributions)
        for row in ("layer1", "layer2")
        for column in ("no attention", "an")
    )
    return Histograms(x="response", log=True, columns=2, panels=panels)


def class_bars() -> Bars:
    series = tuple(
        BarSeries(name=name, heights=(90.0 - k, None, 40.0 + k), counts=(10, 0, 10))
        for k, name in enumerate(("ResNet-20", NAME))
    )
    panel = BarPanel(places=("cat", "dog", NAME), series=series)
    return Bars(x="class", y="accuracy (%)", panels=(panel,))


def reliability_bars() -> Bars:
    places = tuple(f"{100 * (k + 0.5) / 15:.0f}" for k in range(15))
    heights = tuple(100 * k / 15 for k in range(15))
    panels = tuple(
        BarPanel(
            title=f"{name} (ECE 3.3 %)",
            places=places,
            series=(BarSeries(name=name, heights=heights, counts=(5,) * 15),),
        )
        for name in ("ResNet-20", "SE")
    )
    return Bars(x="confidence (%)", y="accuracy (%)", diagonal=True, panels=panels)


def confusion_matrices() -> Matrices:
    counts = np.diag(np.arange(10, 20)) + np.eye(10, k=1, dtype=np.int64)
    panels = tuple(MatrixPanel(title=name, counts=counts) for name in ("ResNet-20", "SE"))
    return Matrices(classes=tuple(map(str, range(10))), panels=panels)


DRAWINGS: dict[str, Callable[[], Charts | ImageGrid | Histograms | Bars | Matrices]] = {
    "sweep": sweep_chart,
    "curves": curves_chart,
    "scatter": scatter_chart,
    "images": image_grid,
    "histograms": histograms,
    "classes": class_bars,
    "reliability": reliability_bars,
    "confusion": confusion_matrices,
}
