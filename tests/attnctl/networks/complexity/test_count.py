"""What one forward is found to do: exact counts, activation memory, and the network left as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from attnctl import attention, backbones
from attnctl.networks import surgery
from attnctl.networks.complexity import Cell, cell, counts
from attnctl.networks.complexity.build import build, build_and_count
from attnctl.networks.complexity.count import count


class Small(nn.Module):
    """Every input and output of it can be counted by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))
        return scores


def test_parameters_macs_and_activations_are_those_counted_by_hand() -> None:
    found = count(Small(), (3, 8, 8))
    assert found.parameters == 3 * 4 * 9 + 2 * 4 + (4 * 2 + 2)
    assert found.macs == 64 * 3 * 4 * 9 + 4 * 2
    # the convolution keeps the image, the norm its input, ReLU its output, the classifier the pooled map
    assert found.activation_bytes == 4 * (3 * 64 + 4 * 64 + 4 * 64 + 4)


def test_counts_on_the_meta_device_equal_those_on_the_cpu() -> None:
    for what in (
        cell("ela", {}, "resnet20", "block", "cifar10"),
        cell("cbam", {}, "resnet20", "stage", "cifar10"),
        cell("an", {}, "resnet20", "norm2", "cifar10"),
        cell("nam", {"gates": "both"}, "resnet20", "block", "cifar10"),
    ):
        network = build(what)
        real = count(network, (3, 32, 32))
        found = build_and_count(what, memory=True)
        # there evaluation keeps the mean and the deviation of each batch norm, as training does everywhere
        norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        assert found.activation_bytes == (real.activation_bytes or 0) + sum(8 * norm.num_features for norm in norms)
        assert replace(found, activation_bytes=real.activation_bytes) == real
        assert surgery.complexity(network, (3, 32, 32)) == (real.parameters, real.macs)


@pytest.mark.parametrize("name", attention.names())
def test_macs_are_half_of_what_torch_counts(name: str) -> None:
    module = build(Cell(module=name, channels=64, size=8))
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        module.eval()(torch.zeros(1, 64, 8, 8))
    assert count(module, (64, 8, 8)).macs == flops.get_total_flops() // 2


@pytest.mark.parametrize(
    "name", ["densenet121", "efficientnet_b0", "shufflenet_v2", "mobilenext", "vit_b_16", "swin_t"]
)
def test_macs_of_a_network_are_half_of_what_torch_counts(name: str) -> None:
    with torch.device("meta"):
        network = backbones.build(name, 10)
        with torch.no_grad(), FlopCounterMode(display=False) as flops:
            network.eval()(torch.zeros(1, 3, 224, 224))
    assert count(network, (3, 224, 224), memory=False).macs == flops.get_total_flops() // 2


@pytest.mark.parametrize("name", attention.names())
def test_counting_without_memory_finds_the_same_operations(name: str) -> None:
    what = Cell(module=name, channels=64, size=8)
    exact = build_and_count(what, memory=True)
    quick = build_and_count(what, memory=False)
    assert quick.activation_bytes is None
    assert (quick.parameters, quick.macs, quick.works, quick.roles) == (
        exact.parameters,
        exact.macs,
        exact.works,
        exact.roles,
    )
    assert sum(quick.roles.values()) == quick.parameters


def test_a_network_that_looks_at_its_values_is_counted_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnctl.attention.se import SE

    forward = SE.forward

    def looking(self: SE, x: Tensor) -> Tensor:
        return forward(self, x) if float(x.abs().max()) < 1e9 else x

    what = cell("se", {}, "resnet20", "block", "cifar10")
    expected = build_and_count(what, memory=True)
    monkeypatch.setattr(SE, "forward", looking)
    found = build_and_count(what, memory=True)
    assert (found.parameters, found.macs) == (expected.parameters, expected.macs)


def test_counting_does_not_change_the_network() -> None:
    network = models.resnet18(num_classes=10)
    network.layer1.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    count(network, (3, 32, 32))
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_module_that_is_applied_twice_counts_its_parameters_once_and_its_work_twice() -> None:
    plain = counts(cell("none", {}, "resnet18", "", "imagenet"), memory=False, keep=False)
    shared = counts(
        cell("ca", {"r": 32, "min_channels": 1, "bias": False}, "resnet18", "block+stage", "imagenet"),
        memory=False,
        keep=False,
    )
    assert shared.parameters == 11_787_612  # ELA, table 2
    assert shared.macs == 1_815_420_928
    assert plain.parameters == 11_689_512
