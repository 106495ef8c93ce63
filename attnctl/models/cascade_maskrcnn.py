"""Cascade Mask R-CNN on a feature pyramid (AN, table 3); 96,317,505 parameters with ResNet-101 and 80 classes."""

from torch import nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads

from attnctl.models.cascade import CascadeHeads, make_stages
from attnctl.models.pyramid import CHANNELS, Pyramid, Scale, assemble


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Cascade Mask R-CNN (Cai and Vasconcelos, CVPR 2018, arXiv:1712.00726) around a classification network.

    body: its classifier is dropped. classes: without background. norms: as for `body.apply_norms`. size: pixels of the
    short side to which images are resized, with at most 1333 / 800 of it on the long side; 0: 800. Raises SpecError.
    """
    scale = Scale(size)
    stages = make_stages(scale, classes, lambda: MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1))
    return assemble(Pyramid(body, norms, buffers=False), scale, CascadeHeads(stages))
