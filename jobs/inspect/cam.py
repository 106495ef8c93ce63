"""Class activation maps: which regions of an image support a class.

A region supports a class if it raises the score of the class. For a classifier, the score is the logit; for a detector,
the sum of the scores of its boxes of that class; for a segmentation network, the sum of the class's logits over the
pixels assigned to it (Vinogradova et al., Towards interpretable semantic segmentation, AAAI 2020, equation 2).
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
from attnctl.jobs.inspect.scoring import Prediction, Scores, classify, input_extent
from attnctl.sources import blame
from attnctl.values import SpecError

Method = Literal["gradcam", "hirescam"]
"""gradcam: Selvaraju et al., ICCV 2017. hirescam: Draelos and Carin, 2020, which does not average the gradients."""

Target = int | Literal["predicted", "label"]
"""The class to explain: one for all images, or each image's own."""


@dataclass(frozen=True)
class Activation:
    """A map over one image. heat: (H, W) with maximum 1, or all 0 if nothing supports the class.

    target: the number of the class, from 0, in the data set's order.
    """

    heat: npt.NDArray[np.float32]
    target: int
    probability: float
    """The network's confidence in the class: for a detector, the best score of its boxes; else see `scoring`."""


def activations(
    trained: Trained, pictures: Sequence[Picture], layer: str, target: Target = "predicted", method: Method = "gradcam"
) -> list[Activation]:
    """The map of each image at a layer, given by its path, in the size of the image. Raises SpecError."""
    return [_activation(trained, picture, layer, target, method) for picture in pictures]


def _activation(trained: Trained, picture: Picture, layer: str, target: Target, method: Method) -> Activation:
    images = batch([picture], trained.spec, trained.device)
    try:
        prediction = classify(trained, images)
        chosen = _target_class(trained, picture, target, prediction)
        if trained.spec.model and not prediction.confidence[chosen]:
            raw = images.new_zeros(1, 1, 1, 1)
        else:
            raw = _attribution(trained, images, layer, chosen, method)
        heat = _over_image(trained, images, raw.float())
    except SpecError:
        raise
    except Exception as error:  # any error of a user's own module
        raise SpecError(f"cannot compute a map of run {trained.run} at {layer}: {blame.describe(error)}") from error
    highest = heat.max().clamp_min(torch.finfo(heat.dtype).tiny)
    scaled: npt.NDArray[np.float32] = (heat.clamp_min(0) / highest).detach().cpu().numpy()
    return Activation(scaled, chosen, float(prediction.confidence[chosen]))


def _attribution(trained: Trained, images: Tensor, layer: str, target: int, method: Method) -> Tensor:
    """(1, 1, h, w), not negative, in the size of the layer's output."""
    part = layers.module(trained, layer)
    if method == "gradcam":
        gradcam: Tensor = LayerGradCam(Scores(trained), part).attribute(images, target, relu_attributions=True)
        return gradcam
    product: Tensor = LayerGradientXActivation(Scores(trained), part).attribute(images, target)
    return product.sum(1, keepdim=True).relu()


def _over_image(trained: Trained, images: Tensor, raw: Tensor) -> Tensor:
    """(H, W): a map over the backbone's input, (1, 1, h, w), scaled to the image (1, 3, H, W)."""
    height, width, rows, columns = input_extent(trained, images)
    scaled = LayerAttribution.interpolate(raw, (height, width), "bilinear")[:, :, :rows, :columns]
    heat: Tensor = LayerAttribution.interpolate(scaled, tuple(images.shape[2:]), "bilinear")[0, 0]
    return heat


def _target_class(trained: Trained, picture: Picture, target: Target, prediction: Prediction) -> int:
    if target == "predicted":
        return prediction.first
    if target == "label":
        if picture.label is None:
            raise SpecError(f"the class of {picture.name} is not known; use --target CLASS or --target predicted")
        return picture.label
    classes = datasets.describe(trained.spec.dataset).classes
    if not 0 <= target < classes:
        raise SpecError(f"{trained.spec.dataset} has no class {target}; its classes are 0 to {classes - 1}")
    return target
