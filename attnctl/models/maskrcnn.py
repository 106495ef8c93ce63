"""Mask R-CNN on a feature pyramid, of torchvision's parts, with the box head of four convolutions (AN, tables 2 and 4).

With 80 classes, frozen norms counted: ResNet-50 45,711,413 parameters, with GN in the backbone and the heads
45,715,509; the counts of the authors' read-me.
"""

from collections.abc import Sequence
from functools import partial

from torch import nn
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads

from attnctl.attention.an import AN
from attnctl.attention.sn import SN
from attnctl.models.pyramid import CHANNELS, HIDDEN, Norm, Pyramid, Scale, assemble, region_heads

_COMPONENTS = (10, 10, 20, 20)
"""K of AN in the four convolutions of the box head, as its authors' configurations have it."""


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Mask R-CNN (He et al., ICCV 2017, arXiv:1703.06870) around a classification network; no norms in its heads.

    body: its classifier is dropped. classes: without background. norms: as `body.apply_norms` takes them. size: of the
    short side that images are resized to; 0 is 800, up to 1333 on the long side. Raises SpecError.
    """
    return _build(body, classes, norms, size, None, [None] * 4)


def build_gn(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """The same with GroupNorm in the pyramid, the box head and the mask head (Wu and He, ECCV 2018, section 5.2)."""
    norm = _group_norm()
    return _build(body, classes, norms, size, norm, [norm] * 4)


def build_sn(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """The same with SN over instances and layers alone in place of GroupNorm (Luo et al., ICLR 2019; AN, table 2)."""
    norm: Norm = partial(SN, norms="in,ln")
    return _build(body, classes, norms, size, norm, [norm] * 4)


def build_an(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """The same with AN over GroupNorm in the box head, GroupNorm elsewhere (Li, Sun and Wu, section 4.2)."""
    attentive = [partial(AN, K=components, form="released", norm="gn") for components in _COMPONENTS]
    return _build(body, classes, norms, size, _group_norm(), attentive)


def _group_norm() -> Norm:
    return partial(nn.GroupNorm, 32)


def _build(
    body: nn.Module, classes: int, norms: str, size: int, norm: Norm | None, of_boxes: Sequence[Norm | None]
) -> nn.Module:
    """norm: after the convolutions of the pyramid and the mask head. of_boxes: after each of the box head's."""
    scale = Scale(size)
    mask_head = MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1, norm_layer=norm)
    heads = region_heads(scale, classes, _box_head(of_boxes), mask_head)
    return assemble(Pyramid(body, norms, buffers=False, norm=norm), scale, heads)


def _box_head(norms: Sequence[Norm | None]) -> nn.Module:
    """Four 3x3 convolutions, each with its norm, and a linear layer."""
    following = iter(norms)
    norm: Norm | None = None if norms[0] is None else lambda channels: next(following)(channels)  # type: ignore[misc]
    head: nn.Module = FastRCNNConvFCHead((CHANNELS, 7, 7), [CHANNELS] * len(norms), [HIDDEN], norm_layer=norm)
    return head
