"""What the detectors on a feature pyramid share: the pyramid itself, the anchors, the pools of regions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from attnctl.models.body import apply_norms, pyramid_maps

BODY_PREFIX = "backbone.body."
CHANNELS = 256
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Of ImageNet, as the classification networks are trained with."""

_LEVELS = ["0", "1", "2", "3"]
_SHORT_SIDE, _LONG_SIDE = 800, 1333

Norm = Callable[[int], nn.Module]


class Pyramid(nn.Module):
    """A body and the feature pyramid on its maps (Lin et al., CVPR 2017, arXiv:1612.03144): strides 4 to 64."""

    out_channels = CHANNELS

    def __init__(self, body: nn.Module, norms: str, *, buffers: bool, norm: Norm | None = None) -> None:
        super().__init__()
        apply_norms(body, norms, buffers=buffers)
        self.body, channels = pyramid_maps(body)
        self.fpn = FeaturePyramidNetwork(channels, CHANNELS, extra_blocks=LastLevelMaxPool(), norm_layer=norm)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: (B, 3, H, W) -> "0", "1", "2", "3" and "pool": (B, 256, H / stride, W / stride)."""
        maps: dict[str, Tensor] = self.fpn(self.body(x))
        return maps


@dataclass(frozen=True)
class Scale:
    """Sizes in pixels that go with the size of the images; size: of their short side, 0 for the paper's 800."""

    size: int

    @property
    def _factor(self) -> float:
        return (self.size or _SHORT_SIDE) / _SHORT_SIDE

    @property
    def sides(self) -> tuple[int, int]:
        """The short side that an image is resized to, unless its long one would be more than the other."""
        return self.size or _SHORT_SIDE, round(_LONG_SIDE * self._factor)

    def anchors(self) -> AnchorGenerator:
        """One scale a level, a twenty-fifth of the short side at stride 4, in three shapes."""
        scales = tuple((32 * 2**level * self._factor,) for level in range(5))
        return AnchorGenerator(scales, ((0.5, 1.0, 2.0),) * 5)

    def pool(self, cells: int) -> MultiScaleRoIAlign:
        """Regions of any size as maps of `cells` x `cells`; one of 224 at 800 pixels comes from stride 16."""
        return MultiScaleRoIAlign(_LEVELS, cells, 2, canonical_scale=max(1, round(224 * self._factor)))

    def options(self) -> dict[str, Any]:
        """What torchvision's FasterRCNN takes of it."""
        short, long = self.sides
        anchors, pool = self.anchors(), self.pool(7)
        return {"min_size": short, "max_size": long, "rpn_anchor_generator": anchors, "box_roi_pool": pool}

    def proposals(self) -> RegionProposalNetwork:
        """The proposal network as torchvision's FasterRCNN has it."""
        anchors = self.anchors()
        kept = {"training": 2000, "testing": 1000}
        head = RPNHead(CHANNELS, anchors.num_anchors_per_location()[0])
        return RegionProposalNetwork(anchors, head, 0.7, 0.3, 256, 0.5, kept, kept, 0.7)
