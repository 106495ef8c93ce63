"""What `attnctl eval` found of a trained network, apart from the metrics that its run recorded.

    runs/<id>/evaluations/<key>.json    Evaluation: the newest of the same data set and split
    runs/<id>/evaluations/<key>.npz     the predicted and the true class of each image, if they were to be kept:
                                        `attnctl.workspace.predictions`

The key is a hash of the data set and the split.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from attnctl.files import write_atomic
from attnctl.values import SpecError
from attnctl.workspace.layout import RunDir, skip_unreadable
from attnctl.workspace.records import Record

FOLDER = "evaluations"
EvaluatedSplit = Literal["test", "val", "train"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One corruption at one severity; of any other data set the whole, whose corruption is empty and severity 0.

    metrics: top1, top5 and ece in percent, and loss.
    """

    corruption: str = ""
    severity: int = 0
    images: int
    metrics: Mapping[str, float]


def mean_metrics(parts: Sequence[Part]) -> dict[str, float]:
    """The mean of each metric over the parts, as is usual for corruptions."""
    return {name: sum(part.metrics[name] for part in parts) / len(parts) for name in parts[0].metrics}


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """A trained network on the images of a data set.

    dataset: its name, or its folder as typed. content: a digest of the images' names and classes. step: of the
    checkpoint.
    metrics: over all images; of corruptions the mean over all parts. by_class: (right, all) images of each class.
    confused: (true, predicted, images) of the wrong predictions. class_metrics: of detectors and segmentation networks
    the values of each class by its name, such as its AP; a class without objects has none.
    """

    at: float
    dataset: str
    split: EvaluatedSplit
    content: str
    step: int
    images: int
    metrics: Mapping[str, float]
    parts: tuple[Part, ...]
    classes: tuple[str, ...]
    by_class: tuple[tuple[int, int], ...]
    confused: tuple[tuple[int, int, int], ...] = field(default=())
    class_metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.by_class) != len(self.classes):
            raise ValueError(f"it has {len(self.classes)} classes, and results of {len(self.by_class)}")
        numbers = {number for true, predicted, _ in self.confused for number in (true, predicted)}
        if any(not 0 <= number < len(self.classes) for number in numbers):
            raise ValueError("it names a class that there is not")


def is_folder(dataset: str) -> bool:
    """Whether a text means a folder of images, and not the name of a data set."""
    return "/" in dataset or dataset in {".", ".."} or dataset.startswith("~")


def folder_of(dataset: str | None, split: EvaluatedSplit) -> Path | None:
    """The folder of images that a text means; None for a data set's name. Raises SpecError."""
    if dataset is None or not is_folder(dataset):
        return None
    folder = Path(dataset).expanduser()
    if not folder.is_dir():
        raise SpecError(f"there is no folder {folder}")
    if split != "test":
        raise SpecError("--split is for data sets that attnctl knows; name the folder of the images instead")
    return folder


def dataset_name(dataset: str) -> str:
    """The name of a data set in records: that of a folder is the same however it is typed, as `./photos`."""
    if not is_folder(dataset):
        return dataset
    path = Path(dataset).expanduser()
    return str(path) if path.is_absolute() or path.parts[:1] == ("..",) else f"./{path}"


def key(dataset: str, split: str) -> str:
    """The name of the files of an evaluation."""
    return hashlib.sha256(json.dumps([dataset, split]).encode()).hexdigest()[:16]


def write(run: RunDir, evaluation: Evaluation, predictions: bytes | None) -> Path:
    """Write an evaluation in place of an earlier one of the same data set and split; returns its file.

    predictions: the content of the file of its predictions; without it that of the earlier one is deleted. Raises
    OSError.
    """
    path = run.path / FOLDER / f"{key(evaluation.dataset, evaluation.split)}.json"
    kept = path.with_suffix(".npz")
    kept.unlink(missing_ok=True)
    if predictions is not None:
        write_atomic(kept, predictions)
    write_atomic(path, evaluation.encode())
    return path


def read(run: RunDir) -> list[Evaluation]:
    """The evaluations of a run, newest first; damaged files are skipped."""
    found = []
    for path in sorted((run.path / FOLDER).glob("*.json")):
        with skip_unreadable():
            record = Evaluation.read(path)
            found += [record] if record is not None else []
    return sorted(found, key=lambda record: -record.at)
