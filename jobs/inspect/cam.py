"""Class activation maps: where in an image a network finds what speaks for a class.

What speaks for a class is what raises its score. The score of a class is, of a classifier, its logit; of a detector the
sum of the scores of the boxes of that class that it gives; of a segmentation network the sum of the logits of the class
where it sees it (Vinogradova et al., Towards interpretable semantic segmentation, AAAI 2020, equation 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerAttribution, LayerGradCam, LayerGradientXActivation
from torch import Tensor

from attnctl import datasets
from attnctl.jobs.inspect import layers
from attnctl.jobs.inspect.load import Trained
from attnctl.jobs.inspect.pictures import Picture, batch
from attnctl.jobs.inspect.scoring import Scores, Verdict, shown, verdict
from attnctl.sources import blame
from attnctl.values import SpecError

Method = Literal["gradcam", "hirescam"]
"""gradcam: Selvaraju et al., ICCV 2017. hirescam: Draelos and Carin, 2020: gradients are not averaged over the map."""

Target = int | Literal["predicted", "label"]
"""The class whose evidence is looked for: one for all, or each image's own."""


@dataclass(frozen=True)
class Activation:
    """A map over one image. heat: (H, W), its highest value 1, or all 0 where nothing speaks for the class.

    target: the class's number, from 0, in the order in which the data set has them.
    """

    heat: npt.NDArray[np.float32]
    target: int
    probability: float
    """That the network gives to the class; of a detector the best score of its boxes, else the part of the pixels."""


def activations(
    trained: Trained, pictures: Sequence[Picture], layer: str, target: Target = "predicted", method: Method = "gradcam"
) -> list[Activation]:
    """The map of each image at a layer, by its path, brought to the image's size. Raises SpecError."""
    return [_activation(trained, picture, layer, target, method) for picture in pictures]


def _activation(trained: Trained, picture: Picture, layer: str, target: Target, method: Method) -> Activation:
    images = batch([picture], trained.spec, trained.device)
    try:
        said = verdict(trained, images)
        chosen = _chosen(trained, picture, target, said)
        if trained.spec.model and not said.sure[chosen]:
            found = images.new_zeros(1, 1, 1, 1)
        else:
            found = _attributed(trained, images, layer, chosen, method)
        heat = _over_image(trained, images, found.float())
    except SpecError:
        raise
    except Exception as error:  # whatever a user's own module raises is the answer
        raise SpecError(f"run {trained.run} has no map at {layer}: {blame.describe(error)}") from error
    highest = heat.max().clamp_min(torch.finfo(heat.dtype).tiny)
    scaled: npt.NDArray[np.float32] = (heat.clamp_min(0) / highest).detach().cpu().numpy()
    return Activation(scaled, chosen, float(said.sure[chosen]))


def _attributed(trained: Trained, images: Tensor, layer: str, target: int, method: Method) -> Tensor:
    """(1, 1, h, w), not negative, at the size of the layer's own map."""
    part = layers.module(trained, layer)
    if method == "gradcam":
        found: Tensor = LayerGradCam(Scores(trained), part).attribute(images, target, relu_attributions=True)
        return found
    product: Tensor = LayerGradientXActivation(Scores(trained), part).attribute(images, target)
    return product.sum(1, keepdim=True).relu()


def _over_image(trained: Trained, images: Tensor, found: Tensor) -> Tensor:
    """(H, W): a map of the backbone's input, (1, 1, h, w), brought to the size of the image (1, 3, H, W)."""
    height, width, rows, columns = shown(trained, images)
    scaled = LayerAttribution.interpolate(found, (height, width), "bilinear")[:, :, :rows, :columns]
    heat: Tensor = LayerAttribution.interpolate(scaled, tuple(images.shape[2:]), "bilinear")[0, 0]
    return heat


def _chosen(trained: Trained, picture: Picture, target: Target, said: Verdict) -> int:
    if target == "predicted":
        return said.first
    if target == "label":
        if picture.label is None:
            raise SpecError(f"the class of {picture.name} is not known; give --target a class, or leave it out")
        return picture.label
    classes = datasets.describe(trained.spec.dataset).classes
    if not 0 <= target < classes:
        raise SpecError(f"{trained.spec.dataset} has no class {target}; its classes are 0 to {classes - 1}")
    return target
