"""`attnctl.network`: a trained network, ready to be used."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from attnctl.cli.run_selection import run_id
from attnctl.jobs.inspect import load, pictures
from attnctl.jobs.inspect.predict import class_names
from attnctl.settings.opened import opened
from attnctl.spec import RunSpec


@dataclass(frozen=True)
class Transforms:
    """Prepares an image as in the evaluation of the run: a PIL image -> (3, H, W) float32.

    Images for classifiers are resized and cropped to the network's input; detectors and segmentation networks take
    images of any size.
    """

    spec: RunSpec

    def __call__(self, image: Image.Image) -> Tensor:
        """The network's input, without the dimension of the batch."""
        picture = pictures.Picture("image", pictures.prepared(image, self.spec))
        return pictures.batch([picture], self.spec, torch.device("cpu"))[0]


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network in evaluation mode, with what is needed to use it.

    module: maps a batch of images to the scores of the classes; detectors take a list of images, as in torchvision.
    transforms: prepares a PIL image. classes: the names of the classes, in the order of the scores.
    run: the id of its run. step: the training step of its checkpoint.
    """

    module: nn.Module
    transforms: Transforms
    classes: tuple[str, ...]
    run: str
    step: int


def network(workspace: str | os.PathLike[str], run: str, *, device: str | torch.device = "cpu") -> TrainedNetwork:
    """The trained network of a run, from its newest checkpoint.

    workspace: its folder. run: the run's id, or its first digits. Raises ValueError with the reason if there is no such
    run or it has no checkpoint.

    Example:
        ela = attnctl.network("experiments", "3fa2")
        scores = ela.module(ela.transforms(Image.open("cat.jpg"))[None])
        print(ela.classes[scores.argmax()])
    """
    config = opened(workspace)
    trained = load.load(config.workspace, run_id(config.workspace, run), torch.device(device))
    return TrainedNetwork(
        trained.network, Transforms(trained.spec), class_names(trained.spec), trained.run, trained.step
    )
