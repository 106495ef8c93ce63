"""Treats networks of all tasks as classifiers: one differentiable score per class of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from attnctl import datasets, models
from attnctl.jobs.inspect.load import Trained


class Scores(nn.Module):
    """(1, 3, H, W) -> (1, classes): the score of each class, differentiable.

    For a classifier, these are the logits; for a detector, the sums of the scores of its boxes by class; for a
    segmentation network, the sums of each class's logits over the pixels where it has the highest. A class without
    boxes or pixels has 0.
    """

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.network = trained.network
        self.task = models.task(trained.spec.model)
        self.classes = datasets.describe(trained.spec.dataset).classes

    def forward(self, images: Tensor) -> Tensor:
        """images: from `attnctl.jobs.inspect.pictures.batch`, one at a time."""
        if self.task == "classify":
            logits: Tensor = self.network(images)
            return logits
        if self.task == "segment":
            logits = self.network(images)["out"]
            highest = functional.one_hot(logits.argmax(1), self.classes).permute(0, 3, 1, 2)
            return (logits * highest).sum((2, 3))
        output: Mapping[str, Tensor] = self.network([images[0]])[0]
        of_class = functional.one_hot(output["labels"] - 1, self.classes).to(output["scores"])
        return output["scores"][None] @ of_class


@dataclass(frozen=True)
class Prediction:
    """The classes that a network predicts for an image. first: the predicted class.

    confidence: (classes,), in 0..1: for a classifier the probabilities, for a detector the best score of a box, for a
    segmentation network the fraction of the pixels.
    """

    confidence: Tensor
    first: int


@torch.no_grad()
def classify(trained: Trained, images: Tensor) -> Prediction:
    """Predict the class of one image, (1, 3, H, W); for segmentation the class of most pixels, without background."""
    task, classes = models.task(trained.spec.model), datasets.describe(trained.spec.dataset).classes
    if task == "classify":
        confidence = trained.network(images).float().softmax(1)[0]
        return Prediction(confidence, int(confidence.argmax()))
    if task == "segment":
        pixels = trained.network(images)["out"][0].argmax(0).flatten().bincount(minlength=classes)
        objects = pixels.clone()
        objects[0] = 0
        return Prediction(pixels / pixels.sum(), int(objects.argmax()))
    output = trained.network([images[0]])[0]
    best = output["scores"].new_zeros(classes).scatter_reduce(0, output["labels"] - 1, output["scores"], "amax")
    return Prediction(best.float(), int(best.argmax()))


def input_extent(trained: Trained, images: Tensor) -> tuple[int, int, int, int]:
    """(height, width) of the backbone's input for one image (1, 3, H, W), and of the image in its upper left corner.

    Detectors resize images and pad them at the bottom and right.
    """
    height, width = images.shape[2:]
    transform = getattr(trained.network, "transform", None)
    if isinstance(transform, GeneralizedRCNNTransform):
        batch = transform([images[0]])[0]
        return (*batch.tensors.shape[2:], *batch.image_sizes[0])
    if transform is not None:  # a letterbox
        side, longest = transform([images[0]])[0].shape[-1], max(height, width)
        return side, side, max(1, height * side // longest), max(1, width * side // longest)
    return height, width, height, width
