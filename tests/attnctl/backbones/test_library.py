"""Networks of torchvision and timm by their names."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from attnctl import backbones
from attnctl.networks import surgery
from attnctl.values import SpecError

with_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed: pip install timm")


@with_timm
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("resnet26", [256, 512, 1024, 2048]),
        ("convnext_atto", [40, 80, 160, 320]),
        ("swin_tiny_patch4_window7_224", [96, 192, 384, 768]),
        ("mobilenetv4_conv_small", [32, 64, 96, 960]),
    ],
)
def test_a_network_of_timm_has_its_stages(name: str, stages: list[int]) -> None:
    assert list(backbones.channels(f"timm:{name}", "stage")) == stages


@with_timm
def test_attention_can_be_inserted_into_timm_networks() -> None:
    assert "block" in backbones.describe("timm:resnet26").placements
    network = surgery.attach(backbones.build("timm:resnet18", 5), "se", "block")
    assert sum(isinstance(m, surgery.Attended) for m in network.modules()) == 8
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 5)


@with_timm
@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("mobilenetv4_conv_small", {"block": 12, "expansion": 12, "depthwise": 11, "se-slot": 12, "stage": 4}),
        ("mobilenetv3_small_100", {"block": 11, "expansion": 10, "depthwise": 11, "own-se": 9, "stage": 4}),
        ("mobilenetv3_small_100_no_se", {"block": 11, "expansion": 10, "depthwise": 11, "stage": 4}),
        ("efficientnet_lite0", {"block": 16, "expansion": 15, "depthwise": 16, "stage": 4}),
        ("regnety_002", {"block": 13, "conv2": 13, "own-se": 13, "stem": 1, "stage": 4}),
        ("convnext_atto", {"block": 12, "depthwise": 12, "stage": 4}),
        ("vit_tiny_patch16_224", {"block": 12, "attention": 12, "stem": 1}),
    ],
)
def test_a_network_of_timm_has_the_placements_of_its_family(name: str, places: dict[str, int]) -> None:
    found = backbones.placements(f"timm:{name}")
    assert {place: len(backbones.channels(f"timm:{name}", place)) for place in found if place != "norms"} == places


@with_timm
def test_a_transformer_of_timm_is_built_for_the_size_of_the_images() -> None:
    name = "timm:vit_tiny_patch16_224"
    network = surgery.attach(backbones.build(name, 5, 64), "se", "block+attention", size=64)
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 5)
    assert [part.side for part in network.modules() if isinstance(part, surgery.AttendedTokens)] == [4] * 24
    with pytest.raises(SpecError, match="cannot run on an image of 32x32"):
        surgery.attach(backbones.build(name, 5), "se", "block", size=32)


@with_timm
def test_a_process_that_plans_measures_in_another_and_imports_no_torch(tmp_path: Path) -> None:
    code = """
import sys
from attnctl.grid import Axes, expand
plan = expand(Axes(modules=("ela",), backbones=("resnet20", "timm:resnet10t"), placements=("stage", "layer[!1].0.bn2")))
print(*(spec.placement for spec in plan.specs), "torch" in sys.modules, *plan.invalid)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("stage layer[!1].0.bn2 stage layer[!1].0.bn2 False\n", "")
    assert len(list((tmp_path / "attnctl" / "networks").glob("*.json"))) == 2


@with_timm
def test_names_of_timm_are_checked() -> None:
    with pytest.raises(SpecError, match=r"timm has no network 'resnet51'; did you mean"):
        backbones.describe("timm:resnet51")
    with pytest.raises(SpecError, match="weights are not loaded; remove 'a1_in1k'"):
        backbones.describe("timm:resnet50.a1_in1k")


def test_without_timm_its_networks_name_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones.library, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match="needs the package timm: pip install timm"):
        backbones.library.check_name("timm:resnet50", ())


def test_the_names_read_from_the_sources_are_those_that_the_libraries_list() -> None:
    from torchvision import models

    assert set(backbones.library.torchvision_names()) == set(models.list_models(module=models))
    if find_spec("timm") is not None:
        import timm

        assert set(timm.list_models()) <= set(backbones.library.timm_names())
