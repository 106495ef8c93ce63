"""What a comparison shows of its runs: by their task, and on which data set they were evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from attnctl import datasets, models, own_data, recipe_parts
from attnctl.db import RunRow
from attnctl.metrics import BY_KEY, METRICS, deciding, lower_is_better
from attnctl.reports.table import ReportColumn
from attnctl.spec import NONE, Task
from attnctl.values import SpecError
from attnctl.workspace.untrusted_json import RecordError

_SHOWN_OF_VOC = ("map",)
_TOP = 5
_SHOWN: dict[Task, tuple[str, ...]] = {
    "classify": ("top1", "top5"),
    "detect": ("ap", "ap50", "ap75"),
    "instance": ("ap", "ap50", "ap75", "mask_ap", "mask_ap50", "mask_ap75"),
    "segment": ("miou", "pixel_accuracy"),
}
COLUMNS = {
    metric.key: ReportColumn(name=metric.key, title=metric.label, unit=metric.unit, better=metric.better, measured=True)
    for metric in METRICS
    if metric.key in {*_SHOWN_OF_VOC, *(key for keys in _SHOWN.values() for key in keys)}
}
"""The columns of all tasks, in their order, by their metrics."""

_OVERLAPS = ("over overlaps from 0.5 to 0.95", "at 0.5", "at 0.75")
_WORDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("accuracy", {"top1": "", "top5": ""}),
    ("COCO's average precision of boxes, ", dict(zip(("ap", "ap50", "ap75"), _OVERLAPS, strict=True))),
    ("COCO's average precision of masks, ", dict(zip(("mask_ap", "mask_ap50", "mask_ap75"), _OVERLAPS, strict=True))),
    ("VOC's mean average precision ", {"map": "at an overlap of 0.5"}),
    ("unmarked pixels left out, ", {"miou": "over the classes", "pixel_accuracy": "of all pixels"}),
)
"""What metrics are, in words: what those of one line share, and what each of them is."""


def shown(row: RunRow) -> tuple[str, ...]:
    """The metrics of a run that a comparison shows, in order: those of its task, and its recipe's own."""
    task = _task(row)
    own = recipe_parts.metric_columns(str(row.recipe.get("metrics", NONE)))
    return (*(_SHOWN_OF_VOC if task == "detect" and _is_voc(row.dataset) else _SHOWN[task]), *own)


def primary(row: RunRow) -> str:
    """The metric that decides: which epoch is the best, and which runs are done."""
    return next(name for name in deciding(_task(row)) if name in shown(row))


def columns_of(rows: Iterable[RunRow]) -> tuple[ReportColumn, ...]:
    """Those of all runs; of a classifier's where there are no runs."""
    kinds = {(row.model, row.dataset, row.recipe.get("metrics")): row for row in rows}
    names = dict.fromkeys(name for kind in kinds.values() for name in shown(kind))
    known = tuple(column for name, column in COLUMNS.items() if name in (names or _SHOWN["classify"]))
    return (*known, *(_own_column(name) for name in names if name not in COLUMNS))


def _own_column(name: str) -> ReportColumn:
    """The column of a user's metric."""
    better: Literal["lower", "higher"] = "lower" if lower_is_better(name) else "higher"
    return ReportColumn(name=name, title=name, decimals=4, better=better, measured=True)


def definitions(columns: Sequence[ReportColumn]) -> str:
    """What the columns hold, in words: `top-1 and top-5: accuracy`."""
    names = {column.name for column in columns}
    return "; ".join(_definition(start, group, names) for start, group in _WORDS if names & group.keys())


def _definition(start: str, group: Mapping[str, str], names: Collection[str]) -> str:
    known = {name: words for name, words in group.items() if name in names}
    titles, parts = [BY_KEY[name].label for name in known], list(filter(None, known.values()))
    return f"{_and(titles)}: {start}{_and(parts)}"


def _and(words: Sequence[str]) -> str:
    """Such as `AP, AP50 and AP75`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def always_right(rows: Iterable[RunRow]) -> frozenset[str]:
    """The metrics that are 100 whatever was trained: top-5 where no data set has more than five classes."""
    sets = {row.dataset: row for row in rows}
    return frozenset({"top5"}) if sets and all(0 < _classes(row) <= _TOP for row in sets.values()) else frozenset()


def _classes(row: RunRow) -> int:
    """Of the data set; 0 where it is no longer known."""
    try:
        if own_data.is_own(row.dataset):
            _ = row.spec  # that reads the data set's description too
        return datasets.describe(row.dataset).classes
    except (SpecError, RecordError):
        return 0


def _task(row: RunRow) -> Task:
    """A model that this attnctl does not have is taken for a classifier, as a run whose spec is broken."""
    try:
        return models.task(row.model)
    except SpecError:
        return "classify"


def _is_voc(dataset: str) -> bool:
    try:
        return datasets.describe(dataset).layout == "voc"
    except SpecError:
        return False
