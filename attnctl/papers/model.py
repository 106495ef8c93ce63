"""The content of a paper's file: tables, columns, rows, figures, and how each cell is built and trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from attnctl import models
from attnctl.metrics import MEASURED
from attnctl.values import Scalar

CLASSIFICATION = "classification"
TASKS = (CLASSIFICATION, "detection", "segmentation")
"""What a row's network does where it is none of attnctl's: such a row waits. The task of a model follows from it."""

Kind = Literal["run", "params", "flops", "fps", "trait", "words"]

TRAITS = ("keeps_channels", "long_range", "lightweight")
"""Properties of a module, computed by building it: see `attnctl.papers.traits`."""

COUNTED = ("params", "flops")
"""Metrics that are counted without training."""

_OF_TASKS = {
    "detection": MEASURED["instance"],
    "segmentation": tuple(dict.fromkeys([*MEASURED["instance"], *MEASURED["segment"]])),
}
"""The metrics of networks that attnctl cannot train."""

FIGURES = ("sweep", "curves", "scatter", "cam", "histogram")
"""The kinds of figures that can be drawn."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table as printed."""

    key: str
    """What the rows call it; unique in the table."""
    title: str
    """The title as printed, without the unit."""
    metric: str
    """`words`, `params`, `flops`, `fps`, one of TRAITS, or a metric of a training by its name: top1, top5, map ..."""
    unit: str = ""
    """As printed: %, M, G ..."""
    error: bool = False
    """Printed as an error rate: 100 minus the accuracy."""
    better: Literal["higher", "lower"] | None = None
    decimals: int = 2
    """Decimals of our numbers; published ones are shown as printed."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Keys of `Setup` that this column's cells have, whatever their rows say: EAN's table 1 has a data set a column."""

    @property
    def kind(self) -> Kind:
        """The source of our number."""
        if self.metric in TRAITS:
            return "trait"
        return self.metric if self.metric in {"params", "flops", "fps", "words"} else "run"  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How a cell is built, counted and trained."""

    task: str = CLASSIFICATION
    """Of a network that is none of attnctl's; see `waits`."""
    model: str = ""
    """The detector or segmenter around the backbone, such as `fasterrcnn`; empty: the backbone as a classifier."""
    backbone: str = ""
    placement: str = "block"
    dataset: str = ""
    module: str = "none"
    hyperparameters: Mapping[str, Scalar] = field(default_factory=dict)
    recipe: str = ""
    """The name of a recipe; empty: the default one of the data set and backbone."""
    train: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """Recipe fields that differ from it. Several values are several runs; the one with the highest mean in the
    table's first trained column counts, and a report says which."""
    maps: tuple[tuple[int, int], ...] = ()
    """Instead of a backbone: the module alone, once for each of these maps, (channels, side)."""
    params_as: str = "exact"
    flops_as: str = "conv+fc"
    params_unit: str = ""
    flops_unit: str = ""
    head: bool | None = None
    written: Mapping[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether attnctl does not have its network, so that it cannot be built or trained."""
        return self.task != CLASSIFICATION and not self.model

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of its training; raises SpecError for an unknown model."""
        return _OF_TASKS[self.task] if self.waits else MEASURED[models.task(self.model)]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table."""

    name: str
    """Unique in the table: `MobileNetV2+SE`."""
    printed: str
    """As the table prints it under its group's first row: `+SE`."""
    on: str = ""
    """The key of its group."""
    group: str = ""
    """The group's title."""
    published: Mapping[str, str] = field(default_factory=dict)
    """Column key -> as printed."""
    setup: Setup = field(default_factory=Setup)
    note: str = ""
    weak: str = ""
    explained: Mapping[str, str] = field(default_factory=dict)
    """Column key -> why our number differs from the printed one."""
    cite: str = ""

    @property
    def baseline(self) -> bool:
        """Whether it is the group's baseline: it has no module."""
        return self.setup.module == "none"

    def setup_of(self, column: Column) -> Setup:
        """What the cell in that column is built with."""
        return replace(self.setup, **column.changes) if column.changes else self.setup


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a paper."""

    paper: str
    """The paper's name."""
    number: str
    caption: str
    header: str = ""
    """The heading of the rows' column, as printed: Architecture, Method ..."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def name(self) -> str:
        """`ean:2`."""
        return f"{self.paper.lower()}:{self.number}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of a paper, drawn from runs. kind and settings: see `attnctl/papers/__init__.py`."""

    paper: str
    number: str
    caption: str
    kind: Literal["sweep", "curves", "scatter", "cam", "histogram"]
    table: str = ""
    """The table whose rows it draws, where it draws a table's."""
    rows: tuple[str, ...] = ()
    """Globs of the names of those rows; empty: all."""
    x: str = ""
    y: str = "top1"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of a kind: layers, classes, and for a sweep its grid."""
    published: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper, its tables and figures by number."""

    name: str
    title: str
    address: str = ""
    cite: str = ""
    """The key of its entry in a bibliography."""
    file: Path | None = None
    """A user's file; None is one of ours."""
    tables: Mapping[str, Table]
    figures: Mapping[str, Figure] = field(default_factory=dict)
