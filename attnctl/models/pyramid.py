"""The shared parts of detectors on a feature pyramid: the pyramid, the anchors and the region pooling."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from attnctl.models.body import apply_norms, pyramid_maps
from attnctl.models.resizing import MEAN, STD, Resizing

CHANNELS, HIDDEN = 256, 1024

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
    """Sizes in pixels, and numbers of regions, that go with the size of the images; for 800 pixels torchvision's.

    size: of their short side, 0 for 800
    """

    size: int

    @property
    def _factor(self) -> float:
        return (self.size or _SHORT_SIDE) / _SHORT_SIDE

    @property
    def sides(self) -> tuple[int, int]:
        """The short side that an image is resized to, unless its long one would be more than the other."""
        return self.size or _SHORT_SIDE, round(_LONG_SIDE * self._factor)

    @property
    def sampled(self) -> int:
        """How many regions of an image are trained on: 512, and fewer of images smaller than 800 pixels."""
        return self._regions(512)

    def anchors(self) -> AnchorGenerator:
        """One scale a level, a twenty-fifth of the short side at stride 4, in three shapes."""
        scales = tuple((32 * 2**level * self._factor,) for level in range(5))
        return AnchorGenerator(scales, ((0.5, 1.0, 2.0),) * 5)

    def pool(self, cells: int) -> MultiScaleRoIAlign:
        """Regions of any size as maps of `cells` x `cells`; one of 224 at 800 pixels comes from stride 16."""
        return MultiScaleRoIAlign(_LEVELS, cells, 2, canonical_scale=max(1, round(224 * self._factor)))

    def proposals(self) -> RegionProposalNetwork:
        """The network that proposes regions, before and after the suppression of those that overlap."""
        anchors = self.anchors()
        kept = {"training": self._regions(2000), "testing": self._regions(1000)}
        head = RPNHead(CHANNELS, anchors.num_anchors_per_location()[0])
        return RegionProposalNetwork(anchors, head, 0.7, 0.3, 256, 0.5, kept, kept, 0.7)

    def _regions(self, count: int) -> int:
        return min(count, ceil(count * self._factor))


def region_heads(
    scale: Scale,
    classes: int,
    box_head: nn.Module,
    mask_head: nn.Module | None = None,
    *,
    overlap: float = 0.5,
    deviations: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2),
) -> RoIHeads:
    """What classifies regions, corrects their boxes, and paints their masks where there is a head for it.

    classes: without background. box_head: of (N, 256, 7, 7), gives (N, 1024). mask_head: of (N, 256, 14, 14), gives the
    same. overlap: with an object, from which on a region is one of it. deviations: of the corrections, to standardise
    them: x, y, width, height.
    """
    box = scale.pool(7), box_head, FastRCNNPredictor(HIDDEN, classes + 1)
    mask = (scale.pool(14), mask_head, MaskRCNNPredictor(CHANNELS, CHANNELS, classes + 1)) if mask_head else ()
    weights = tuple(1 / deviation for deviation in deviations)
    return RoIHeads(*box, overlap, overlap, scale.sampled, 0.25, weights, 0.05, 0.5, 100, *mask)


def assemble(body: nn.Module, scale: Scale, heads: nn.Module) -> nn.Module:
    """A detector of two stages. body: the pyramid. heads: what classifies the regions, as torchvision's RoIHeads."""
    network: nn.Module = GeneralizedRCNN(body, scale.proposals(), heads, Resizing(*scale.sides, MEAN, STD))
    network.body_prefix = "backbone.body."  # type: ignore[assignment]
    return network
