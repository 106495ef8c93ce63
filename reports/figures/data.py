"""What a figure shows, before it is drawn: plain values, which `--json` prints and the drawing modules take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COLUMN, PAGE = 3.3, 6.9
"""Inches of one column and of both in the two-column styles of the IEEE, AAAI and CVF."""


@dataclass(frozen=True, kw_only=True)
class PrintStyle:
    """How a figure is set in print. font: of its texts, by a name that `fonts.family` knows."""

    inches: float = COLUMN
    font: str = "sans"


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis. name: of the quantity, such as top1; title: what stands at the axis, with the unit.

    log: the base of a logarithmic scale; 0 is a linear one. linear_below: with 0 among the values, the scale is linear
    up to here. ticks: where the ticks are; empty leaves it to matplotlib.
    """

    name: str
    title: str
    log: int = 0
    linear_below: float = 0.0
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Point:
    """A mean over seeds. spread: sample standard deviation (ddof = 1), None with fewer than two seeds."""

    x: float
    y: float
    spread: float | None = None
    n: int = 1
    name: str = ""
    """What stands beside it, in a scatter plot."""
    front: bool = False
    """Of the Pareto front: no other point is both as cheap and as good."""
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one line or one marker. published: as a paper prints them, not measured."""

    name: str
    points: tuple[Point, ...]
    published: bool = False


@dataclass(frozen=True, kw_only=True)
class Level:
    """A horizontal line: what the plain backbone has."""

    name: str
    y: float
    spread: float | None = None
    n: int = 1
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reached:
    """When the mean of a series first is at a target; epoch is None where it never is."""

    series: str
    target: float
    epoch: float | None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines or points over two axes. targets: of curves, the values to be reached."""

    kind: Literal["sweep", "curves", "scatter"]
    title: str = ""
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    levels: tuple[Level, ...] = ()
    targets: tuple[float, ...] = ()
    reached: tuple[Reached, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Charts:
    """Charts side by side under one legend. notes: what a reader must know; they stand in no figure."""

    title: str = ""
    panels: tuple[Chart, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tile:
    """An image, and what lies over it.

    image: (H, W, 3) bytes. heat: (H, W) from 0 to 1, None for the image alone. caption: words under it.
    """

    image: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.float32] | None = None
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageGrid:
    """Images in rows and columns; every row has a tile per column."""

    title: str = ""
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    tiles: tuple[tuple[Tile, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """How the values of one class are distributed. densities: (lines, bins); a line is an image, or all of the class.

    distance: mean total variation distance between the lines, from 0 (all alike) to 1; None for a single line.
    """

    name: str
    densities: npt.NDArray[np.float64]
    distance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One axes of a figure of histograms. edges: (bins + 1,), of all of its distributions."""

    row: str
    column: str
    edges: npt.NDArray[np.float64]
    distributions: tuple[Distribution, ...]


@dataclass(frozen=True, kw_only=True)
class Histograms:
    """Panels row by row, each of `columns` panels."""

    title: str = ""
    x: str
    log: bool = False
    """The densities are on a logarithmic scale."""
    columns: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class BarSeries:
    """A bar at each place. heights: None where there is nothing to show; counts: the images behind each."""

    name: str
    heights: tuple[float | None, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class BarPanel:
    """One axes of bars. places: what stands below each place."""

    title: str = ""
    places: tuple[str, ...]
    series: tuple[BarSeries, ...]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Percentages as bars. diagonal: from 0 to 100, where the bars of a calibrated network end."""

    title: str = ""
    x: str
    y: str
    diagonal: bool = False
    panels: tuple[BarPanel, ...]


@dataclass(frozen=True, kw_only=True)
class MatrixPanel:
    """One confusion matrix. counts: (classes, classes), a row for each true class."""

    title: str = ""
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Matrices:
    """Confusion matrices side by side."""

    title: str = ""
    classes: tuple[str, ...]
    panels: tuple[MatrixPanel, ...]


@dataclass(frozen=True, kw_only=True)
class CriticalDifference:
    """Mean ranks of several rows. distance: from which on two differ; cliques: rows that do not, by their places."""

    title: str = ""
    names: tuple[str, ...]
    ranks: tuple[float, ...]
    distance: float
    cliques: tuple[tuple[int, ...], ...]


Drawing = Charts | ImageGrid | Histograms | CriticalDifference | Bars | Matrices
"""What a file can show."""
