"""SSDLite at 320 pixels around MobileNeXt and MobileNetV2 (EAN, tables 4 and 5).

As in the code behind MobileNeXt's results: 3,476,308 parameters with MobileNeXt and 20 classes, 4,304,138 with
MobileNetV2 and 80 classes.
"""

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models import MobileNetV2
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD, SSDScoringHead
from torchvision.models.mobilenetv2 import InvertedResidual

from attnctl.attention._norm import BatchNorm2d
from attnctl.backbones.mobilenext import MobileNeXt
from attnctl.models.body import Features, apply_norms, kaiming
from attnctl.models.resizing import MEAN, STD, Resizing
from attnctl.values import SpecError

_SIZE = 320
_SCALES = [45 * level / 320 for level in range(1, 8)]
"""Sides of the default boxes of the six maps relative to the image; the seventh is for the last map's larger square."""

_COCO = 80


class _Maps(nn.Module):
    """The body's maps at strides 16 and 32, and those of four extra blocks, each of which halves the resolution."""

    def __init__(self, body: Features, extras: nn.ModuleList) -> None:
        super().__init__()
        self.body = body
        self.extras = extras

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: (B, 3, H, W) -> maps "0" to "5"."""
        maps = self.body(x)
        x = maps.pop("last", maps["1"])
        for index, block in enumerate(self.extras):
            x = block(x)
            maps[str(index + 2)] = x
        return OrderedDict(sorted(maps.items()))


def build(body: nn.Module, classes: int, *, norms: str = "batch", size: int = 0) -> nn.Module:
    """SSD (Liu et al., ECCV 2016, arXiv:1512.02325) with separable heads (Sandler et al., CVPR 2018, section 6.2).

    body: its classifier is dropped. classes: without background. norms: as for `body.apply_norms`. size: side in
    pixels of the square to which images are resized; 0: 320. Raises SpecError.
    """
    apply_norms(body, norms)
    maps, channels = _maps(body)
    last_ratios = [2] if classes == _COCO else [2, 3]  # as in the authors' configurations for COCO and VOC
    boxes = DefaultBoxGenerator([[2, 3]] * 5 + [last_ratios], scales=_SCALES)
    side = size or _SIZE
    network: nn.Module = SSD(
        maps,
        boxes,
        (side, side),
        classes + 1,
        head=_Head(channels, boxes.num_anchors_per_location(), classes + 1),
    )
    network.transform = Resizing(side, side, MEAN, STD, size_divisible=1, fixed_size=(side, side))
    network.body_prefix = "backbone.body."  # type: ignore[assignment]
    return network


def _maps(body: nn.Module) -> tuple[nn.Module, list[int]]:
    """The network that outputs the six maps, and the maps' channels; raises SpecError."""
    if isinstance(body, MobileNeXt):
        taps = {"features.13.expand": "0", "features.20.expand": "1", "features.20": "last"}
        channels = [576, 1280, 512, 256, 256, 128]
        sizes = zip(channels[1:], (256, 128, 128, 128), channels[2:], strict=False)
        extras: list[nn.Module] = [_sandglass_extra(inputs, hidden, outputs) for inputs, hidden, outputs in sizes]
    elif isinstance(body, MobileNetV2):
        taps = {"features.13": "0", "features.18": "1"}
        channels = [96, 1280, 512, 256, 256, 64]
        widths = zip(channels[1:], (0.2, 0.5, 0.5, 0.5), channels[2:], strict=False)
        extras = [InvertedResidual(inputs, outputs, 2, ratio, BatchNorm2d) for inputs, ratio, outputs in widths]
    else:
        raise SpecError(f"ssdlite320 works with MobileNeXt and MobileNetV2, not {type(body).__name__}")
    blocks = nn.ModuleList(extras)
    kaiming(blocks)
    return _Maps(Features(body, taps), blocks), channels


def _sandglass_extra(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A depthwise convolution with stride 2, and a linear bottleneck."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, 2, 1, groups=inputs, bias=False),
        BatchNorm2d(inputs),
        nn.ReLU6(inplace=True),
        nn.Conv2d(inputs, hidden, 1, bias=False),
        BatchNorm2d(hidden),
        nn.Conv2d(hidden, outputs, 1, bias=False),
        BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class _Head(nn.Module):
    """Predicts classes and boxes by separable convolutions, and by a 1x1 convolution on the last map."""

    def __init__(self, channels: list[int], boxes: list[int], classes: int) -> None:
        super().__init__()
        self.classification_head = SSDScoringHead(_predictors(channels, boxes, classes), classes)
        self.regression_head = SSDScoringHead(_predictors(channels, boxes, 4), 4)

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Six maps (B, C, H, W) -> {"cls_logits": (B, boxes, classes), "bbox_regression": (B, boxes, 4)}."""
        return {"bbox_regression": self.regression_head(maps), "cls_logits": self.classification_head(maps)}


def _predictors(channels: list[int], boxes: list[int], values: int) -> nn.ModuleList:
    outputs = [count * values for count in boxes]
    *separable, last = zip(channels, outputs, strict=True)
    predictors = nn.ModuleList([*(_separable(*widths) for widths in separable), nn.Conv2d(*last, 1)])
    for module in predictors.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return predictors


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
    return nn.Sequential(depthwise, BatchNorm2d(inputs), nn.ReLU6(inplace=True), nn.Conv2d(inputs, outputs, 1))
