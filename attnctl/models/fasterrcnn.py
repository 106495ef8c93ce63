"""Faster R-CNN on a feature pyramid, torchvision's (EAN, table 5); ResNet-50 and 80 classes: 41,704,036 parameters."""

from torch import nn
from torchvision.models.detection import FasterRCNN

from attnctl.models.pyramid import BODY_PREFIX, Pyramid, Scale


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Faster R-CNN (Ren et al., NeurIPS 2015, arXiv:1506.01497) around a classification network.

    body: its classifier is dropped. classes: without background. norms: as `body.apply_norms` takes them. size: of the
    short side that images are resized to; 0 is 800, up to 1333 on the long side. Raises SpecError.
    """
    network: nn.Module = FasterRCNN(Pyramid(body, norms, buffers=True), classes + 1, **Scale(size).options())
    network.body_prefix = BODY_PREFIX  # type: ignore[assignment]
    return network
