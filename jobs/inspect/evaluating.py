"""Evaluates a trained classifier on any images of its classes: accuracy, calibration, and what it confuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from attnctl.datasets import describe
from attnctl.jobs.data import evaluated
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.evaluated import EvaluatedPart, EvaluatedSet
from attnctl.jobs.data.memory import EVALUATION_BATCH
from attnctl.jobs.inspect import pictures
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.metrics import classification
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.recipes import own_parts
from attnctl.settings.config import DataRoots
from attnctl.sources import blame
from attnctl.values import SpecError
from attnctl.workspace.evaluations import EvaluatedSplit, Evaluation, Part, folder_of, mean_metrics
from attnctl.workspace.predictions import Predictions

_TOP = 5


@dataclass(frozen=True)
class Results:
    """An evaluation, the predictions behind it, and the confidence of each, (n,). images: what was evaluated."""

    evaluation: Evaluation
    predictions: Predictions
    confidence: npt.NDArray[np.float32]
    images: EvaluatedSet

    def rows(self) -> Iterator[tuple[str, int, str, str, str, float]]:
        """(corruption, severity, image, true class, predicted class, confidence) of each image."""
        classes, number = self.evaluation.classes, 0
        for part in self.images.parts:
            for k in range(len(part.images.labels)):
                true, predicted = self.predictions.labels[number], self.predictions.predicted[number]
                confidence = float(self.confidence[number])
                yield (
                    part.corruption,
                    part.severity,
                    part.images.name(k),
                    classes[int(true)],
                    classes[int(predicted)],
                    confidence,
                )
                number += 1


def open_images(trained: Trained, dataset: str | None, split: EvaluatedSplit, roots: DataRoots) -> EvaluatedSet:
    """The images of a data set, of a folder, or of the run's own data set. Raises SpecError, DataError."""
    spec = trained.spec
    prepare = pictures.preparation(spec)
    folder = folder_of(dataset, split)
    if folder is None:
        return evaluated.open_named(spec, dataset or spec.dataset, split, roots, prepare)
    return evaluated.open_folder(spec, folder, roots, prepare)


@torch.inference_mode()
def evaluate(
    trained: Trained,
    images: EvaluatedSet,
    *,
    dataset: str,
    split: EvaluatedSplit,
    beat: Callable[[int], None] = lambda _images: None,
) -> Results:
    """Evaluate a network. dataset, split: what the record calls the images. beat: called with the size of each batch.

    Raises SpecError if the network cannot process the images, and DataError for an unreadable one.
    """
    outcomes = [_Outcome.of(trained, part, beat) for part in images.parts]
    predictions = Predictions(
        np.concatenate([outcome.predicted for outcome in outcomes]),
        np.concatenate([part.images.labels for part in images.parts]),
        np.repeat(np.arange(len(outcomes)), [len(outcome.predicted) for outcome in outcomes]),
    )
    parts = [
        Part(
            corruption=part.corruption,
            severity=part.severity,
            images=len(outcome.predicted),
            metrics=outcome.metrics(part.images.labels),
        )
        for part, outcome in zip(images.parts, outcomes, strict=True)
    ]
    evaluation = Evaluation(
        at=time.time(),
        dataset=dataset,
        split=split,
        content=images.content(),
        step=trained.step,
        images=len(predictions.labels),
        metrics=mean_metrics(parts),
        parts=tuple(parts),
        classes=images.classes,
        by_class=tuple(classification.by_class(predictions.labels, predictions.predicted, len(images.classes))),
        confused=tuple(classification.confused(predictions.labels, predictions.predicted)),
    )
    return Results(evaluation, predictions, np.concatenate([outcome.confidence for outcome in outcomes]), images)


@dataclass(frozen=True)
class _Outcome:
    """What a network says of the images of one part."""

    predicted: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32]
    in_top: int
    loss: float
    own: Mapping[str, float]
    """The user's metrics of the run's recipe."""

    @classmethod
    def of(cls, trained: Trained, part: EvaluatedPart, beat: Callable[[int], None]) -> _Outcome:
        spec, dataset = trained.spec, describe(trained.spec.dataset)
        arithmetic = Arithmetic.of(spec.recipe, trained.device)
        normalize = Normalize(dataset.mean, dataset.std, trained.device)
        labels = torch.from_numpy(part.images.labels).to(trained.device)
        predicted: list[Tensor] = []
        confidence: list[Tensor] = []
        measures = own_parts.metrics(spec.recipe, spec.versions.recipe)
        kept: list[Tensor] = []
        in_top, loss, done = 0, 0.0, 0
        for batch in part.images.batches(max(spec.recipe.norm_batch, EVALUATION_BATCH)):
            truth = labels[done : done + len(batch)]
            logits = _logits(trained, arithmetic, normalize(batch.to(trained.device)))
            loss += float(functional.cross_entropy(logits, truth, reduction="sum").double())
            in_top += int((logits.topk(min(_TOP, logits.shape[1]), dim=1).indices == truth[:, None]).sum())
            most = logits.softmax(1).max(1)
            predicted.append(logits.argmax(1).cpu())
            confidence.append(most.values.cpu())
            kept += [logits.cpu().to(arithmetic.dtype)] if measures else []
            done += len(batch)
            beat(len(batch))
        own = {name: measure(torch.cat(kept), labels.cpu()) for name, measure in measures.items()}
        return cls(torch.cat(predicted).numpy(), torch.cat(confidence).float().numpy(), in_top, loss, own)

    def metrics(self, labels: npt.NDArray[np.int64]) -> dict[str, float]:
        """top1, top5 and ece in percent, the mean loss, and the user's metrics."""
        right = self.predicted == labels
        return {
            "top1": 100 * float(right.mean()),
            "top5": 100 * self.in_top / len(right),
            "loss": self.loss / len(right),
            "ece": classification.calibration_error(self.confidence, right),
            **self.own,
        }


def _logits(trained: Trained, arithmetic: Arithmetic, images: Tensor) -> Tensor:
    try:
        with arithmetic.autocast:
            logits: Tensor = trained.network(arithmetic.images(images))
    except Exception as error:  # any error of a user's own module
        raise SpecError(f"the network of run {trained.run} fails: {blame.describe(error)}") from error
    return logits if logits.dtype == torch.float64 else logits.float()
