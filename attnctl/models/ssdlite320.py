"""SSDLite at 320 pixels around MobileNeXt and MobileNetV2 (EAN, tables 4 and 5).

As in the code behind MobileNeXt's results: 3,476,308 parameters with MobileNeXt and 20 classes, 4,304,138 with
MobileNetV2 and 80 classes.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import MobileNetV2
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD, SSDScoringHead
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops import batched_nms, clip_boxes_to_image, sigmoid_focal_loss

from attnctl.attention._norm import BatchNorm2d
from attnctl.backbones.mobilenext import MobileNeXt
from attnctl.models.body import Features, apply_norms, kaiming
from attnctl.models.resizing import MEAN, STD, Resizing
from attnctl.models.targets import Target
from attnctl.values import SpecError

_SIZE = 320
_SCALES = [45 * level / 320 for level in range(1, 8)]
"""Sides of the default boxes of the six maps relative to the image; the seventh is for the last map's larger square."""

_COCO = 80

_LARGEST = [size / 320 for size in (120, 180, 220, 260, 300, 320)]
"""Sides by which the released configurations for VOC make the larger square of each map; for COCO the next side."""

_STRIDES = [16, 32, 64, 120, 160, 320]
"""Distances in pixels, at 320 pixels, of the released default boxes; those of the last four maps are not 320 / side."""

_FOCAL_WEIGHT = 5
_PRIOR = 0.01
"""The score of every class with which the released focal loss starts."""


class Ssd(SSD):  # type: ignore[misc] # torchvision has no types
    """torchvision's SSD, which can also have the released default boxes and the released loss for COCO.

    With the focal loss each logit is a class of its own, without background: that of label 1 first, the last unused.
    """

    focal = False

    def use_released_boxes(self) -> None:
        """Use the strides and the largest sizes of the released configurations."""
        strides = _STRIDES if self.transform.fixed_size[0] == _SIZE else None
        largest = _SCALES[1:] if self.classes == _COCO else _LARGEST
        self.anchor_generator: nn.Module = _ReleasedBoxes(_ratios(self.classes), strides, largest)

    def use_focal_loss(self) -> None:
        """Train with the focal loss, and start and detect as the released code for COCO does."""
        self.focal = True
        self.score_thresh, self.nms_thresh, self.detections_per_img = 0.05, 0.5, 100
        for module in self.head.classification_head.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                assert module.bias is not None
                nn.init.constant_(module.bias, -math.log((1 - _PRIOR) / _PRIOR))

    @property
    def classes(self) -> int:
        """The number of classes, without background."""
        return int(self.head.classification_head.num_columns) - 1

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: dict[str, Tensor],
        anchors: Sequence[Tensor],
        matched_idxs: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """The losses of the boxes and the classes, divided by the number of default boxes with an object."""
        if not self.focal:
            losses: dict[str, Tensor] = super().compute_loss(targets, head_outputs, anchors, matched_idxs)
            return losses
        logits, offsets = head_outputs["cls_logits"], head_outputs["bbox_regression"]
        labels = torch.zeros(logits.shape[:2], dtype=torch.int64, device=logits.device)
        boxes = logits.new_zeros(())
        for image, (target, defaults, matches) in enumerate(zip(targets, anchors, matched_idxs, strict=True)):
            found = matches >= 0
            labels[image, found] = target["labels"][matches[found]]
            encoded = self.box_coder.encode_single(target["boxes"][matches[found]], defaults[found])
            boxes = boxes + functional.smooth_l1_loss(offsets[image, found], encoded, reduction="sum")
        truth = functional.one_hot(labels, logits.shape[-1] + 1)[..., 1:].to(logits)
        focal = sigmoid_focal_loss(logits, truth, alpha=0.25, gamma=2, reduction="sum")
        count = (labels > 0).sum().clamp(min=1)
        return {"bbox_regression": boxes / count, "classification": _FOCAL_WEIGHT * focal / count}

    def postprocess_detections(
        self,
        head_outputs: dict[str, Tensor],
        image_anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
    ) -> list[Target]:
        """The detections of each image by descending score."""
        if not self.focal:
            detections: list[Target] = super().postprocess_detections(head_outputs, image_anchors, image_shapes)
            return detections
        scores = head_outputs["cls_logits"].sigmoid()[..., : self.classes]
        per_image = zip(head_outputs["bbox_regression"], scores, image_anchors, image_shapes, strict=True)
        return [self._detect(*image) for image in per_image]

    def _detect(self, offsets: Tensor, scores: Tensor, defaults: Tensor, shape: tuple[int, int]) -> Target:
        boxes = clip_boxes_to_image(self.box_coder.decode_single(offsets, defaults), shape)
        box, channel = (scores > self.score_thresh).nonzero(as_tuple=True)
        score = scores[box, channel]
        kept = batched_nms(boxes[box], score, channel, self.nms_thresh)[: self.detections_per_img]
        return {"boxes": boxes[box[kept]], "scores": score[kept], "labels": channel[kept] + 1}


class _ReleasedBoxes(DefaultBoxGenerator):  # type: ignore[misc] # torchvision has no types
    """Default boxes whose larger square on each map is made with a side of its own, not with that of the next map."""

    def __init__(self, ratios: list[list[int]], strides: list[int] | None, largest: list[float]) -> None:
        super().__init__(ratios, scales=_SCALES, steps=strides)
        for pairs, small, large in zip(self._wh_pairs, _SCALES, largest, strict=False):
            pairs[1] = math.sqrt(small * large)


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
    boxes = DefaultBoxGenerator(_ratios(classes), scales=_SCALES)
    side = size or _SIZE
    network: nn.Module = Ssd(
        maps,
        boxes,
        (side, side),
        classes + 1,
        head=_Head(channels, boxes.num_anchors_per_location(), classes + 1),
    )
    network.transform = Resizing(side, side, MEAN, STD, size_divisible=1, fixed_size=(side, side))
    network.body_prefix = "backbone.body."  # type: ignore[assignment]
    return network


def _ratios(classes: int) -> list[list[int]]:
    """The aspect ratios of the default boxes of each map, as in the authors' configurations for COCO and VOC."""
    return [[2, 3]] * 5 + [[2] if classes == _COCO else [2, 3]]


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
