"""The semantic branch of Hybrid Task Cascade: a class map from all levels of the pyramid, and its loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops.misc import Conv2dNormActivation

from attnctl.models.body import kaiming
from attnctl.models.pyramid import CHANNELS

IGNORED = 255
"""The label of pixels without a class."""

_LEVELS, _FUSED_AT = ("0", "1", "2", "3", "pool"), "1"


class SemanticBranch(nn.Module):
    """Chen et al., CVPR 2019, arXiv:1901.07518, section 3.2, figure 3.

    The levels are resized to stride 8 and summed; four 3x3 convolutions follow; the outputs are a class map and the
    features for the other branches. mmdetection resizes a level before its 1x1 convolution and ReLU
    (`resizes_first`), not after them, and learns the label of the first pixel of a cell (`labels_first`, see `loss`).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList([_convolution(1) for _ in _LEVELS])
        self.convolutions = nn.Sequential(*(_convolution(3) for _ in range(4)))
        self.embedding = _convolution(1)
        self.logits = nn.Conv2d(CHANNELS, classes, 1)
        self.resizes_first = False
        self.labels_first = False
        kaiming(self)

    def forward(self, maps: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """maps: of the pyramid -> logits (B, classes, H / 8, W / 8) and features (B, 256, H / 8, W / 8)."""
        size = maps[_FUSED_AT].shape[-2:]
        x = torch.zeros_like(maps[_FUSED_AT])
        for name, lateral in zip(_LEVELS, self.laterals, strict=True):
            level = maps[name] if self.resizes_first else lateral(maps[name])
            resized = functional.interpolate(level, size=size, mode="bilinear", align_corners=True)
            x = x + (lateral(resized) if self.resizes_first else resized)
        x = self.convolutions(x)
        return self.logits(x), self.embedding(x)


def _convolution(kernel: int) -> nn.Module:
    convolution: nn.Module = Conv2dNormActivation(CHANNELS, CHANNELS, kernel, norm_layer=None)
    return convolution


def loss(logits: Tensor, targets: list[dict[str, Tensor]], *, labels_first: bool = False) -> Tensor:
    """The mean cross entropy over all labelled pixels.

    logits: (B, classes, H / 8, W / 8) of images padded to H x W. A target's class map is `semantic` (h, w) with 255 for
    unlabelled pixels; without it, it is drawn from the objects' masks, with 0 elsewhere.

    A cell of 8x8 pixels has the label of its middle, and the padding none. labels_first: that of its first pixel, and
    the padding has class 0, as in mmdetection 1 (its transforms Pad and SegRescale).
    """
    batch, _, height, width = logits.shape
    padding, at = (0, 0) if labels_first else (IGNORED, 4)
    labels = torch.full((batch, height * 8, width * 8), padding, dtype=torch.int64, device=logits.device)
    for index, target in enumerate(targets):
        of_image = target["semantic"] if "semantic" in target else _painted(target)
        labels[index, : of_image.shape[0], : of_image.shape[1]] = of_image
    small = labels[:, at::8, at::8]
    total = functional.cross_entropy(logits, small, ignore_index=IGNORED, reduction="sum")
    return total / (small != IGNORED).sum().clamp(min=1)


def _painted(target: dict[str, Tensor]) -> Tensor:
    """A class map drawn from masks; the higher label wins where objects overlap."""
    masks = target["masks"]
    if not len(masks):
        return masks.new_zeros(masks.shape[1:], dtype=torch.int64)
    return ((masks > 0) * target["labels"][:, None, None]).amax(0)
