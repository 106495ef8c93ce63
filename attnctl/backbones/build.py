"""Building our own networks, torchvision's, timm's and users'; torch is imported only when one is built."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnctl import sources
from attnctl.backbones.table import NO_SE, canonical, origin
from attnctl.sources import plugins
from attnctl.values import SpecError

if TYPE_CHECKING:
    from torch import nn


def build(name: str, classes: int, size: int = 0) -> nn.Module:
    """The network, newly initialised, with `classes` outputs.

    size: side of its input in pixels, for networks that are built for one size; 0 is their usual one.
    Raises SpecError for a size that the network cannot have.
    """
    package, _, function = origin(canonical(name)).partition(":")
    if package not in {"timm", "torchvision"}:
        network: nn.Module = getattr(import_module(package), function)(classes)
        return network
    plain = function.removesuffix(NO_SE)
    network = _of_timm(plain, classes, size) if package == "timm" else _of_torchvision(plain, classes, size)
    if plain != function:
        from attnctl.backbones.from_torchvision import remove_se

        remove_se(network, plain)
    return network


def _of_timm(function: str, classes: int, size: int) -> nn.Module:
    timm = import_module("timm")
    usual = timm.get_pretrained_cfg(function)
    fixed = size and usual is not None and usual.fixed_input_size and size != usual.input_size[-1]
    extra = {"img_size": size} if fixed else {}
    try:
        network: nn.Module = timm.create_model(function, pretrained=False, num_classes=classes, **extra)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        if not fixed:
            raise
        raise SpecError(f"timm:{function} cannot be built for images of {size}x{size}: {error}") from error
    return network


def _of_torchvision(function: str, classes: int, size: int) -> nn.Module:
    # auxiliary classifiers would make the training output differ from the evaluation output
    extra: dict[str, Any] = {}
    if function in {"googlenet", "inception_v3"}:
        extra = {"aux_logits": False, "init_weights": True}
    elif size and function.startswith("vit_"):
        extra = {"image_size": size}
    elif size and function.startswith("maxvit_"):
        extra = {"input_size": (size, size)}
    try:
        network: nn.Module = import_module("torchvision.models").get_model(
            function, weights=None, num_classes=classes, **extra
        )
    except (AssertionError, ValueError) as error:  # the size does not fit its patches or windows
        raise SpecError(f"{function} cannot be built for images of {size}x{size}: {error}") from error
    return network


def of_run(name: str, version: int | str, kept: Path | None) -> str:
    """The name of a run's backbone in this process. kept: the workspace's folder of users' files.

    Raises SpecError when a user's file is not stored there, or an installed package has changed.
    """
    if sources.is_own(version):
        return plugins.stored_backbone(name, str(version), kept).key
    if str(version).startswith(plugins.PACKAGE_PREFIX):
        plugins.check_installed(f"backbone {name}", plugins.version_of(name), version)
    return name
