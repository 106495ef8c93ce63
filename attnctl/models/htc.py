"""Hybrid Task Cascade on a feature pyramid (AN, table 3): ResNet-101 and COCO's classes 99,316,984 parameters."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.misc import Conv2dNormActivation

from attnctl.models import semantic
from attnctl.models.cascade import Boxes, CascadeHeads, Maps, Shapes, Target, make_stages
from attnctl.models.pyramid import CHANNELS, Pyramid, Scale, assemble

_STUFF = 183
"""Classes of COCO's class maps, things and stuff; 255 where there is none."""
_SEMANTIC_WEIGHT = 0.2


class _MaskHead(nn.Module):
    """Four convolutions; what the stage before made of the same boxes is added through a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = Conv2dNormActivation(CHANNELS, CHANNELS, 1, norm_layer=None)
        self.convolutions = MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1)

    def forward(self, x: Tensor, before: Tensor | None) -> Tensor:
        """x, before: (N, 256, 14, 14) -> the same shape."""
        return self.convolutions(x if before is None else x + self.flow(before))


class HybridHeads(CascadeHeads):
    """Hybrid Task Cascade's heads (Chen et al., CVPR 2019, arXiv:1901.07518, section 3): box and mask branch in turn,
    each mask branch after those of the stages before, both with the features of a semantic branch.
    """

    interleaved = True

    def __init__(self, stages: Sequence[nn.Module], classes: int) -> None:
        super().__init__(stages)
        self.semantic = semantic.SemanticBranch(classes)
        self.semantic_pool = MultiScaleRoIAlign(["semantic"], 14, 2)
        # the first stage has none before it; the published network has this convolution nevertheless
        self.stage(0).mask_head.flow.requires_grad_(False)

    def forward(
        self, maps: Maps, proposals: Boxes, shapes: Shapes, targets: list[Target] | None = None
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """As `CascadeHeads.forward`; the loss of the semantic branch too."""
        logits, features = self.semantic(maps)
        detections, losses = super().forward({**maps, "semantic": features}, proposals, shapes, targets)
        if self.training and targets is not None:
            losses["loss_semantic"] = _SEMANTIC_WEIGHT * semantic.loss(logits, targets)
        return detections, losses

    def box_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's box branch: (N, 256, 7, 7)."""
        features = super().box_features(index, maps, boxes, shapes)
        return features + functional.adaptive_avg_pool2d(self.semantic_pool(maps, boxes, shapes), 7)

    def mask_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's mask branch: (N, 256, 14, 14)."""
        return super().mask_features(index, maps, boxes, shapes) + self.semantic_pool(maps, boxes, shapes)

    def mask_hidden(self, features: Tensor, wanted: Sequence[int]) -> list[Tensor]:
        """What the mask heads of the wanted stages make of (N, 256, 14, 14), each after those before it."""
        hidden, found = None, []
        for index in range(max(wanted) + 1):
            hidden = self.stage(index).mask_head(features, hidden)
            if index in wanted:
                found.append(hidden)
        return found


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Hybrid Task Cascade around a classification network.

    The semantic branch has the 183 classes of COCO's class maps, more only where there are more kinds of objects.
    body: its classifier is dropped. classes: without background. norms: as `body.apply_norms` takes them. size: of the
    short side that images are resized to; 0 is 800, up to 1333 on the long side. Raises SpecError.
    """
    scale = Scale(size)
    heads = HybridHeads(make_stages(scale, classes, _MaskHead), max(_STUFF, classes + 1))
    return assemble(Pyramid(body, norms, buffers=False), scale, heads)
