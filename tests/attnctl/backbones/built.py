"""Which backbones of the table tests build: of several sizes of one network of torchvision's, only the smallest."""

from __future__ import annotations

from attnctl import backbones
from attnctl.backbones.table import origin

UNCHANGED = tuple(name for name in backbones.names() if origin(name).startswith("torchvision:"))
"""Networks of torchvision itself."""

_SIZES = ("efficientnet_b", "efficientnet_v2", "regnet_x", "regnet_y", "convnext", "vit", "swin_v2", "swin", "maxvit")


def _kind(name: str) -> str:
    return next((kind for kind in _SIZES if name in UNCHANGED and name.startswith(kind)), name)


SMALLEST = {
    "efficientnet_b": "efficientnet_b0",
    "efficientnet_v2": "efficientnet_v2_s",
    "regnet_x": "regnet_x_400mf",
    "regnet_y": "regnet_y_400mf",
    "convnext": "convnext_tiny",
    "vit": "vit_b_16",
    "swin_v2": "swin_v2_t",
    "swin": "swin_t",
    "maxvit": "maxvit_t",
}
"""Kind -> the name of its smallest network."""

BUILT = tuple(name for name in backbones.names() if SMALLEST.get(_kind(name), name) == name)
"""The networks that tests build."""
