"""Builds the networks: our own, torchvision's, timm's and a user's. Imports torch only when it builds one."""

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
        # their auxiliary classifiers would make the output of training another than that of evaluation
        extra = {"aux_logits": False, "init_weights": True} if function in {"googlenet", "inception_v3"} else {}
        network = import_module("torchvision.models").get_model(function, weights=None, num_classes=classes, **extra)
        return network
    network = getattr(import_module(package), function)(classes)
    return network


def of_run(name: str, version: int | str, kept: Path | None) -> str:
    """The name by which this process knows the backbone of a run's spec. kept: the workspace's users' files.

    Raises SpecError when a user's file is not kept there, or an installed package is not the one it was.
    """
    if sources.is_own(version):
        return plugins.stored_backbone(name, str(version), kept).key
    if str(version).startswith(plugins.PACKAGE_PREFIX):
        plugins.check_installed(f"backbone {name}", plugins.version_of(name), version)
    return name
