"""The metrics of all tasks: keys, names, units, and which one selects the best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from attnctl.spec import Task

_BOXES: tuple[Task, ...] = ("detect", "instance")
_MASKS: tuple[Task, ...] = ("instance",)
_ALL: tuple[Task, ...] = ("classify", "detect", "instance", "segment")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    key: name in records, options and paper files
    label: name in text and table headers
    title: name on a chart's axis, without the unit
    unit: %, or empty
    tasks: tasks whose trainings measure it
    decides: tasks whose best epoch is the one with its highest value
    """

    key: str
    label: str
    title: str
    unit: Literal["%", ""] = "%"
    tasks: tuple[Task, ...]
    decides: tuple[Task, ...] = ()
    better: Literal["higher", "lower"] = "higher"

    @property
    def axis(self) -> str:
        """The title with its unit: `top-1 (%)`."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


def _percent(key: str, label: str, tasks: tuple[Task, ...], decides: tuple[Task, ...] = ()) -> Metric:
    return Metric(key=key, label=label, title=label, tasks=tasks, decides=decides)


METRICS = (
    _percent("top1", "top-1", ("classify",), ("classify",)),
    _percent("top5", "top-5", ("classify",)),
    _percent("ap", "AP", _BOXES, ("detect",)),
    _percent("ap50", "AP50", _BOXES),
    _percent("ap75", "AP75", _BOXES),
    _percent("ap_small", "AP of small objects", _BOXES),
    _percent("ap_medium", "AP of medium objects", _BOXES),
    _percent("ap_large", "AP of large objects", _BOXES),
    _percent("mask_ap", "mask AP", _MASKS, ("instance",)),
    _percent("mask_ap50", "mask AP50", _MASKS),
    _percent("mask_ap75", "mask AP75", _MASKS),
    _percent("mask_ap_small", "mask AP of small objects", _MASKS),
    _percent("mask_ap_medium", "mask AP of medium objects", _MASKS),
    _percent("mask_ap_large", "mask AP of large objects", _MASKS),
    _percent("map", "mAP", _BOXES, ("detect",)),
    _percent("map50", "mAP50", _BOXES),
    _percent("map75", "mAP75", _BOXES),
    _percent("miou", "mean IoU", ("segment",), ("segment",)),
    _percent("pixel_accuracy", "pixel accuracy", ("segment",)),
    Metric(key="loss", label="loss", title="loss", unit="", tasks=("classify", "segment"), better="lower"),
    Metric(key="train_loss", label="training loss", title="training loss", unit="", tasks=_ALL, better="lower"),
    _percent("train_top1", "training top-1", ("classify",)),
    Metric(key="images_per_s", label="images/s", title="images/s in training", unit="", tasks=_ALL),
)
"""In display order. ap: COCO's, the mean over ten IoU thresholds; map: VOC's, at one threshold."""

BY_KEY: Mapping[str, Metric] = {metric.key: metric for metric in METRICS}

DECIDING = tuple(metric for metric in METRICS if metric.decides)
"""The primary metrics of comparisons; all are in percent."""

LOSSES = tuple(metric.key for metric in METRICS if metric.better == "lower")

MEASURED: Mapping[Task, tuple[str, ...]] = {
    task: tuple(metric.key for metric in METRICS if task in metric.tasks and metric.key != "images_per_s")
    for task in _ALL
}
"""Task -> keys of its metrics, without the training speed, which depends on the machine."""

ALL_MEASURED = tuple(metric.key for metric in METRICS if metric.key != "images_per_s")
"""The same for all tasks together."""


_LOWER = ("loss", "losses", "error", "errors")


def lower_is_better(key: str) -> bool:
    """Whether the lower value of a metric is the better one; of a user's own, if its name ends in loss or error."""
    return BY_KEY[key].better == "lower" if key in BY_KEY else key.lower().endswith(_LOWER)


def deciding(task: Task) -> tuple[str, ...]:
    """The keys of the metrics that select a task's best epoch, in order of preference; higher is better."""
    return tuple(metric.key for metric in METRICS if task in metric.decides)
