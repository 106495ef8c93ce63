"""Hybrid Task Cascade on a feature pyramid (AN, table 3); 99,316,984 parameters with ResNet-101 and 80 classes."""

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
"""The number of classes in COCO's class maps, things and stuff; unlabelled pixels are 255."""
_SEMANTIC_WEIGHT = 0.2
"""The weight of the semantic branch's loss."""


class _MaskHead(nn.Module):
    """Four convolutions, to whose input a 1x1 convolution of the previous stage's mask features is added."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = Conv2dNormActivation(CHANNELS, CHANNELS, 1, norm_layer=None)
        self.convolutions = MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1)

    def forward(self, x: Tensor, previous: Tensor | None) -> Tensor:
        """x, previous: (N, 256, 14, 14) -> the same shape. previous: output of the previous stage's mask head."""
        return self.convolutions(x if previous is None else x + self.flow(previous))


class HybridHeads(CascadeHeads):
    """Hybrid Task Cascade's heads (Chen et al., CVPR 2019, arXiv:1901.07518, section 3).

    The box and the mask branch of a stage run in turn. A mask branch also uses the mask features of the previous stage,
    and both branches use the features of a semantic branch.
    """

    interleaved = True

    def __init__(self, stages: Sequence[nn.Module], classes: int) -> None:
        super().__init__(stages)
        self.semantic = semantic.SemanticBranch(classes)
        self.semantic_pool = MultiScaleRoIAlign(["semantic"], 14, 2)
        # the first stage has no previous one; the published network contains this unused convolution all the same
        self.stage(0).mask_head.flow.requires_grad_(False)

    def forward(
        self, maps: Maps, proposals: Boxes, shapes: Shapes, targets: list[Target] | None = None
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """As `CascadeHeads.forward`, plus the loss of the semantic branch."""
        logits, features = self.semantic(maps)
        detections, losses = super().forward({**maps, "semantic": features}, proposals, shapes, targets)
        if self.training and targets is not None:
            losses["loss_semantic"] = _SEMANTIC_WEIGHT * semantic.loss(
                logits, targets, labels_first=self.semantic.labels_first
            )
        return detections, losses

    def box_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's box branch: (N, 256, 7, 7)."""
        features = super().box_features(index, maps, boxes, shapes)
        return features + functional.adaptive_avg_pool2d(self.semantic_pool(maps, boxes, shapes), 7)

    def mask_features(self, index: int, maps: Maps, boxes: Boxes, shapes: Shapes) -> Tensor:
        """The features of the boxes for a stage's mask branch: (N, 256, 14, 14)."""
        return super().mask_features(index, maps, boxes, shapes) + self.semantic_pool(maps, boxes, shapes)

    def mask_hidden(self, features: Tensor, indices: Sequence[int]) -> list[Tensor]:
        """As in `CascadeHeads`; each mask head also receives the output of the previous stage's."""
        hidden, outputs = None, []
        for index in range(max(indices) + 1):
            hidden = self.stage(index).mask_head(features, hidden)
            if index in indices:
                outputs.append(hidden)
        return outputs


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Hybrid Task Cascade around a classification network.

    The semantic branch has the 183 classes of COCO's class maps, or `classes` + 1 if that is more.
    body: its classifier is dropped. classes: without background. norms: as for `body.apply_norms`. size: pixels of the
    short side to which images are resized, with at most 1333 / 800 of it on the long side; 0: 800. Raises SpecError.
    """
    scale = Scale(size)
    heads = HybridHeads(make_stages(scale, classes, _MaskHead), max(_STUFF, classes + 1))
    return assemble(Pyramid(body, norms, buffers=False), scale, heads)
