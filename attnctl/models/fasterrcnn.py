"""Faster R-CNN on a feature pyramid, torchvision's (EAN, table 5); ResNet-50 and 80 classes: 41,704,036 parameters."""

from torch import nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead

from attnctl.models.pyramid import CHANNELS, HIDDEN, Pyramid, Scale, assemble, region_heads


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Faster R-CNN (Ren et al., NeurIPS 2015, arXiv:1506.01497) around a classification network.

    body: its classifier is dropped. classes: without background. norms: as `body.apply_norms` takes them. size: of the
    short side that images are resized to; 0 is 800, up to 1333 on the long side. Raises SpecError.
    """
    scale = Scale(size)
    heads = region_heads(scale, classes, TwoMLPHead(CHANNELS * 49, HIDDEN))
    return assemble(Pyramid(body, norms, buffers=True), scale, heads)
