"""Drop path: which branches, at which rates, and that nothing happens outside of training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attnctl import backbones, grid
from attnctl.grid import Axes
from attnctl.jobs.training.drop_path import DropPath, attach
from attnctl.jobs.training.replicas import seed_forward
from attnctl.jobs.training.session import build
from attnctl.networks import surgery
from attnctl.spec import RunSpec

CPU = torch.device("cpu")


def spec_of(rate: str, backbone: str = "resnet20") -> RunSpec:
    overrides = {"drop_path": (rate,), "input_size": ("8",)}
    (spec,) = grid.expand(Axes(modules=("se",), backbones=(backbone,), overrides=overrides)).specs
    return spec


def hooks(network: nn.Module) -> dict[str, float]:
    return {
        name: hook.rate
        for name, module in network.named_modules()
        for hook in module._forward_hooks.values()
        if isinstance(hook, DropPath)
    }


def test_the_rate_grows_linearly_over_the_blocks() -> None:
    rates = hooks(build(spec_of("0.4"), CPU))
    assert list(rates) == [*backbones.residual_ends("resnet20")][1:]
    assert list(rates.values()) == pytest.approx([0.4 * number / 8 for number in range(1, 9)])
    assert not hooks(build(spec_of("0"), CPU))
    assert not hooks(surgery.build(spec_of("0.4")))  # that are exported or drawn


def test_branches_are_dropped_in_training_only() -> None:
    plain, dropped = build(spec_of("0"), CPU), build(spec_of("0.9"), CPU)
    images = torch.randn(4, 3, 8, 8)
    assert torch.equal(plain.eval()(images), dropped.eval()(images))
    dropped.train()
    outputs = []
    for step in (1, 2, 1):
        seed_forward(0, step, 0)
        outputs.append(dropped(images))
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], plain.train()(images))


def test_what_stays_has_the_same_mean() -> None:
    branch = nn.Identity()
    attach(nn.Sequential(nn.Identity(), branch), ["0", "1"], 0.25)
    torch.manual_seed(0)
    found = branch(torch.ones(20_000, 1, 1, 1)).flatten()
    assert sorted(set(found.tolist())) == pytest.approx([0, 1 / 0.75])
    assert found.mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("backbone", ["mobilenet_v2_cifar", "vgg16_bn_cifar"])
def test_other_networks_are_refused(backbone: str) -> None:
    expansion = grid.expand(Axes(modules=("none",), backbones=(backbone,), overrides={"drop_path": ("0.1",)}))
    assert not expansion.specs
    words = f"drop_path=0.1 works in the residual blocks of ResNets, which {backbone} does not have; use --drop-path 0"
    assert expansion.invalid[0].reason == words


def test_detectors_are_refused() -> None:
    request = Axes(
        modules=("none",), models=("yolox_nano",), datasets=("digits-det",), overrides={"drop_path": ("0.1",)}
    )
    assert grid.expand(request).invalid[0].reason == "drop_path=0.1 does not apply to the task detect"
