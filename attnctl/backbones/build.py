"""Building our own networks, torchvision's, timm's and users'; torch is imported only when one is built."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl import sources
from attnctl.backbones.table import canonical, origin
from attnctl.sources import plugins

if TYPE_CHECKING:
    from torch import nn


def build(name: str, classes: int) -> nn.Module:
    """The network, newly initialised, with `classes` outputs."""
    package, _, function = origin(canonical(name)).partition(":")
    network: nn.Module
    if package == "timm":
        network = import_module("timm").create_model(function, pretrained=False, num_classes=classes)
        return network
    if package == "torchvision":
        # auxiliary classifiers would make the training output differ from the evaluation output
        extra = {"aux_logits": False, "init_weights": True} if function in {"googlenet", "inception_v3"} else {}
        network = import_module("torchvision.models").get_model(function, weights=None, num_classes=classes, **extra)
        return network
    network = getattr(import_module(package), function)(classes)
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
