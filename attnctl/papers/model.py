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
"""The tasks of networks that attnctl does not have. Rows with other tasks than classification and no model wait."""

Kind = Literal["run", "params", "flops", "fps", "trait", "words"]

TRAITS = ("keeps_channels", "long_range", "lightweight")
"""Properties of a module, computed by building it: see `attnctl.papers.traits`."""

COUNTED = ("params", "flops")
"""Metrics that are counted without training."""

_OF_TASKS = {
    "detection": MEASURED["instance"],
    "segmentation": tuple(dict.fromkeys([*MEASURED["instance"], *MEASURED["segment"]])),
}
"""Task -> metrics, for networks that attnctl does not have."""

FIGURES = ("sweep", "curves", "scatter", "cam", "histogram")
"""The kinds of figures that can be drawn."""


@dataclass(frozen=True, kw_only=True)
class PaperColumn:
    """A column of a table as printed."""

    key: str
    """Its name in the rows; unique in the table."""
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
    """Keys of `Setup` that this column overrides in all rows, such as the data set in EAN's table 1."""

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
    """The task of a network that attnctl does not have; see `waits`."""
    model: str = ""
    """The detector or segmenter around the backbone, such as `fasterrcnn`; empty: the backbone as a classifier."""
    backbone: str = ""
    placement: str = "block"
    dataset: str = ""
    init: str = ""
    """Initial weights, as `attnctl.papers.starts` names them; empty: random."""
    module: str = "none"
    hyperparameters: Mapping[str, Scalar] = field(default_factory=dict)
    recipe: str = ""
    """The name of a recipe; empty: the default one of the data set and backbone."""
    train: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """Recipe fields that differ from `recipe`. Several values mean several runs; reports show the one with the highest
    mean in the table's first trained column, and say which it is."""
    maps: tuple[tuple[int, int], ...] = ()
    """Without a backbone: the maps (channels, side) for each of which the module alone is built."""
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
    """Its printed name, `+SE` if the group's first row contains the rest."""
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

    def setup_of(self, column: PaperColumn) -> Setup:
        """The setup of the row's cell in that column."""
        return replace(self.setup, **column.changes) if column.changes else self.setup


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table of a paper."""

    paper: str
    """The paper's name."""
    number: str
    caption: str
    header: str = ""
    """The heading of the rows' column, as printed: Architecture, Method ..."""
    columns: tuple[PaperColumn, ...]
    rows: tuple[Row, ...]
    bases: tuple[Row, ...] = ()
    """Rows that the paper does not print, from whose weights others start."""
    note: str = ""
    training: str = ""
    """How its rows are trained: what the text states, what is assumed, and what comes from which code."""
    file: Path | None = None
    """The user's file that it is in; None for a built-in paper."""

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
    """The table whose rows are drawn, if any."""
    rows: tuple[str, ...] = ()
    """Globs of row names; empty: all rows."""
    x: str = ""
    y: str = "top1"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of a kind: layers, classes, and for a sweep its grid."""
    published: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A comparison that a paper's text makes, such as "EAN outperforms SE on ResNet-50"."""

    text: str
    """The sentence, or its part that compares."""
    section: str
    """The section of the paper that contains it."""
    table: str
    """The number of the table that it is about."""
    columns: Mapping[str, Literal["higher", "lower"]]
    """Column key -> which of two values the claim calls better."""
    pairs: tuple[tuple[str, str], ...]
    """Names of rows: the better one, and the one that it is compared with."""
    most: bool = False
    """Whether it is about most of the comparisons only, not about all."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper, its tables and figures by number."""

    name: str
    title: str
    address: str = ""
    cite: str = ""
    """Its key in a bibliography."""
    file: Path | None = None
    """The user's file; None for a built-in paper."""
    tables: Mapping[str, PaperTable]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
