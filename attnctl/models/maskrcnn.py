"""Mask R-CNN on a feature pyramid, from torchvision's parts, with four convolutions in the box head (AN, tables 2, 4).

Parameters with 80 classes and ResNet-50, including frozen norms: 45,711,413; 45,715,509 with GN in the backbone and the
heads. Both equal the counts in the authors' README.
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
"""AN's K after each convolution of the box head, from the authors' configurations."""


def build(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """Mask R-CNN (He et al., ICCV 2017, arXiv:1703.06870) around a classification network; no norms in its heads.

    body: its classifier is dropped. classes: without background. norms: as for `body.apply_norms`. size: pixels of the
    short side to which images are resized, with at most 1333 / 800 of it on the long side; 0: 800. Raises SpecError.
    """
    return _build(body, classes, norms, size, None, [None] * 4)


def build_gn(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """As `build`, with GroupNorm in the pyramid, the box head and the mask head (Wu and He, ECCV 2018, section 5.2)."""
    norm = _group_norm()
    return _build(body, classes, norms, size, norm, [norm] * 4)


def build_sn(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """As `build_gn`, with SN over instances and layers in place of GroupNorm (Luo et al., ICLR 2019; AN, table 2)."""
    norm: Norm = partial(SN, norms="in,ln")
    return _build(body, classes, norms, size, norm, [norm] * 4)


def build_an(body: nn.Module, classes: int, *, norms: str = "frozen", size: int = 0) -> nn.Module:
    """As `build_gn`, with AN over GroupNorm in the box head (Li, Sun and Wu, section 4.2)."""
    attentive = [partial(AN, K=components, form="released", norm="gn") for components in _COMPONENTS]
    return _build(body, classes, norms, size, _group_norm(), attentive)


def _group_norm() -> Norm:
    return partial(nn.GroupNorm, 32)


def _build(
    body: nn.Module, classes: int, norms: str, size: int, norm: Norm | None, box_norms: Sequence[Norm | None]
) -> nn.Module:
    """norm: after the convolutions of the pyramid and the mask head. box_norms: after each one of the box head."""
    scale = Scale(size)
    mask_head = MaskRCNNHeads(CHANNELS, [CHANNELS] * 4, 1, norm_layer=norm)
    heads = region_heads(scale, classes, _box_head(box_norms), mask_head)
    return assemble(Pyramid(body, norms, buffers=False, norm=norm), scale, heads)


def _box_head(norms: Sequence[Norm | None]) -> nn.Module:
    """One 3x3 convolution for each norm, followed by it, and a linear layer."""
    remaining = iter(norms)
    norm: Norm | None = None if norms[0] is None else lambda channels: next(remaining)(channels)  # type: ignore[misc]
    head: nn.Module = FastRCNNConvFCHead((CHANNELS, 7, 7), [CHANNELS] * len(norms), [HIDDEN], norm_layer=norm)
    return head
