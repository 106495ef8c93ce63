"""Cascade Mask R-CNN on a feature pyramid (AN, table 3): ResNet-101 and 80 classes 96,317,505 parameters."""

from torch import nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads

from attnctl.models.cascade import CascadeHeads, make_stages
from attnctl.models.pyramid import CHANNELS, Pyramid, Scale, assemble


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Cascade Mask R-CNN (Cai and Vasconcelos, CVPR 2018, arXiv:1712.00726) around a classification network.

    body: its classifier is dropped. classes: without background. norms: as `body.apply_norms` takes them. size: of the
    short side that images are resized to; 0 is 800, up to 1333 on the long side. Raises SpecError.
    """
    scale = Scale(size)
    stages = make_stages(scale, classes, lambda: MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1))
    return assemble(Pyramid(body, norms, buffers=False), scale, CascadeHeads(stages))
