"""Networks of every task as classifiers see them: one score for each class of an image, which has gradients."""

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
    """(1, 3, H, W) -> (1, classes), the score of each class, differentiable.

    A classifier's are its logits. A detector's are the sums of the scores of the boxes of each class that it gives. Of
    a segmentation network they are the sums of each class's logits over the pixels where it is the highest. A class
    that is not found has 0.
    """

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.network = trained.network
        self.task = models.task(trained.spec.model)
        self.classes = datasets.describe(trained.spec.dataset).classes

    def forward(self, images: Tensor) -> Tensor:
        """Images as `attnctl.jobs.inspect.pictures.batch` gives them, one at a time."""
        if self.task == "classify":
            logits: Tensor = self.network(images)
            return logits
        if self.task == "segment":
            logits = self.network(images)["out"]
            highest = functional.one_hot(logits.argmax(1), self.classes).permute(0, 3, 1, 2)
            return (logits * highest).sum((2, 3))
        found: Mapping[str, Tensor] = self.network([images[0]])[0]
        of_class = functional.one_hot(found["labels"] - 1, self.classes).to(found["scores"])
        return found["scores"][None] @ of_class


@dataclass(frozen=True)
class Verdict:
    """What a network says of an image: how sure it is of each class, in 0..1, and the class that it says first.

    sure: (classes,): of a classifier the probabilities, of a detector the best score of a box, of a segmentation
    network the part of the pixels.
    """

    sure: Tensor
    first: int


@torch.no_grad()
def verdict(trained: Trained, images: Tensor) -> Verdict:
    """Of one image, (1, 3, H, W). A segmentation network's first class is that of most pixels but the background."""
    task, classes = models.task(trained.spec.model), datasets.describe(trained.spec.dataset).classes
    if task == "classify":
        sure = trained.network(images).float().softmax(1)[0]
        return Verdict(sure, int(sure.argmax()))
    if task == "segment":
        pixels = trained.network(images)["out"][0].argmax(0).flatten().bincount(minlength=classes)
        objects = pixels.clone()
        objects[0] = 0
        return Verdict(pixels / pixels.sum(), int(objects.argmax()))
    found = trained.network([images[0]])[0]
    sure = found["scores"].new_zeros(classes).scatter_reduce(0, found["labels"] - 1, found["scores"], "amax")
    return Verdict(sure.float(), int(sure.argmax()))


def shown(trained: Trained, images: Tensor) -> tuple[int, int, int, int]:
    """What a backbone sees of one image (1, 3, H, W): (height, width) of its input, and of the image in the upper left.

    Detectors resize images, and pad them below and at the right.
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
