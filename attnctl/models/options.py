"""Options of models: recipe fields that change a network once it is built, each neutral unless a recipe sets it.

The released values are those of the code behind the papers' numbers: iVMCL/AttentiveNorm_Detection for the detectors of
regions, VainF/DeepLabV3Plus-Pytorch for DeepLabV3, houqb/ssdlite-pytorch-mobilenext for SSDLite320.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.segmentation import DeepLabV3

from attnctl.models.pyramid import RegionHeads
from attnctl.models.semantic import SemanticBranch
from attnctl.models.ssdlite320 import Ssd
from attnctl.values import Scalar


def configure(network: nn.Module, options: Mapping[str, Scalar]) -> None:
    """Change a model's network, in place. options: `Recipe.model_options`, of which the model has all."""
    for name, value in options.items():
        _CHANGES[name](network, value)


def _head_init(network: nn.Module, _value: Scalar) -> None:
    for module in network.modules():
        if isinstance(module, RoIHeads):
            _start_regions(module)
        elif isinstance(module, DeepLabV3):
            _start_pixels(module.classifier)


def _start_regions(heads: RoIHeads) -> None:
    """Xavier for the hidden linear layers; deviations of 0.01 for classes and 0.001 for boxes; biases 0."""
    for layer in heads.box_head.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    for layer, deviation in ((heads.box_predictor.cls_score, 0.01), (heads.box_predictor.bbox_pred, 0.001)):
        nn.init.normal_(layer.weight, std=deviation)
        nn.init.zeros_(layer.bias)


def _start_pixels(head: nn.Module) -> None:
    """Kaiming normal by fan-in for the convolutions; the last one's bias is torch's default."""
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                bound = layer.weight[0].numel() ** -0.5
                nn.init.uniform_(layer.bias, -bound, bound)


def _box_beta(network: nn.Module, value: Scalar) -> None:
    for module in network.modules():
        if isinstance(module, RegionHeads):
            module.beta = float(value or 0)


def _semantic_resize(network: nn.Module, value: Scalar) -> None:
    for module in network.modules():
        if isinstance(module, SemanticBranch):
            module.resizes_first = value == "before"


def _semantic_labels(network: nn.Module, value: Scalar) -> None:
    for module in network.modules():
        if isinstance(module, SemanticBranch):
            module.labels_first = value == "first"


def _default_boxes(network: nn.Module, _value: Scalar) -> None:
    assert isinstance(network, Ssd)
    network.use_released_boxes()


def _class_loss(network: nn.Module, _value: Scalar) -> None:
    assert isinstance(network, Ssd)
    network.use_focal_loss()


_CHANGES: Mapping[str, Callable[[nn.Module, Scalar], None]] = {
    "head_init": _head_init,
    "box_beta": _box_beta,
    "semantic_resize": _semantic_resize,
    "semantic_labels": _semantic_labels,
    "default_boxes": _default_boxes,
    "class_loss": _class_loss,
}
