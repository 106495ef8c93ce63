"""Class activation maps: where in an image a network finds what speaks for a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerAttribution, LayerGradCam, LayerGradientXActivation
from torch import Tensor

from attnctl import datasets
from attnctl.sources import blame
from attnctl.values import SpecError
from jobs.inspect.load import Trained
from jobs.inspect.pictures import Picture, batch

Method = Literal["gradcam", "hirescam"]
METHODS: tuple[Method, ...] = get_args(Method)
"""gradcam: Selvaraju et al., ICCV 2017. hirescam: Draelos and Carin, 2020: gradients are not averaged over the map."""

Target = int | Literal["predicted", "label"]
"""The class whose evidence is looked for: one for all, or each image's own."""


@dataclass(frozen=True)
class Activation:
    """A map over one image. heat: (H, W), its highest value 1, or all 0 where nothing speaks for the class."""

    heat: npt.NDArray[np.float32]
    target: int
    probability: float
    """That the network gives to the class."""


def activations(
    trained: Trained, pictures: Sequence[Picture], layer: str, target: Target = "predicted", method: Method = "gradcam"
) -> list[Activation]:
    """The map of each image at a layer, by its path, brought to the image's size. Raises SpecError."""
    return [_activation(trained, picture, layer, target, method) for picture in pictures]


def _activation(trained: Trained, picture: Picture, layer: str, target: Target, method: Method) -> Activation:
    images = batch([picture], trained.spec, trained.device)
    try:
        with torch.no_grad():
            probabilities = trained.network(images).float().softmax(1)[0]
        chosen = _chosen(trained, picture, target, probabilities)
        found = _attributed(trained, images, layer, chosen, method)
    except SpecError:
        raise
    except Exception as error:  # whatever a user's own module raises is the answer
        raise SpecError(f"run {trained.run} has no map at {layer}: {blame.words(error)}") from error
    scaled = LayerAttribution.interpolate(found.float(), tuple(images.shape[2:]), "bilinear")[0, 0]
    highest = scaled.max().clamp_min(torch.finfo(scaled.dtype).tiny)
    heat: npt.NDArray[np.float32] = (scaled.clamp_min(0) / highest).detach().cpu().numpy()
    return Activation(heat, chosen, float(probabilities[chosen]))


def _attributed(trained: Trained, images: Tensor, layer: str, target: int, method: Method) -> Tensor:
    """(1, 1, h, w), not negative, at the size of the layer's own map."""
    module = trained.network.get_submodule(layer)
    if method == "gradcam":
        found: Tensor = LayerGradCam(trained.network, module).attribute(images, target, relu_attributions=True)
        return found
    product: Tensor = LayerGradientXActivation(trained.network, module).attribute(images, target)
    return product.sum(1, keepdim=True).relu()


def _chosen(trained: Trained, picture: Picture, target: Target, probabilities: Tensor) -> int:
    if target == "predicted":
        return int(probabilities.argmax())
    if target == "label":
        if picture.label is None:
            raise SpecError(f"the class of {picture.name} is not known; give --target a class, or leave it out")
        return picture.label
    classes = datasets.describe(trained.spec.dataset).classes
    if not 0 <= target < classes:
        raise SpecError(f"{trained.spec.dataset} has no class {target}; its classes are 0 to {classes - 1}")
    return target
