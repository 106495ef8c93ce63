"""What a network is made of: one forward, noted part by part."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attnctl.backbones.trace import evaluating, trace
from attnctl.values import SpecError


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.act = nn.ReLU()
        self.body = nn.Sequential(nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6))
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.body(self.act(self.stem(x))))
        found: Tensor = self.fc(x.mean((2, 3)))
        return found


def test_parts_are_listed_with_their_maps_in_completion_order() -> None:
    found = trace(Network(), 8)
    assert [(part.path, part.kind, part.shape) for part in found if part.shape is not None] == [
        ("stem", "Conv2d", (4, 4, 4)),
        ("act", "ReLU", (6, 4, 4)),
        ("body.0", "Conv2d", (6, 4, 4)),
        ("body.1", "BatchNorm2d", (6, 4, 4)),
        ("body", "Sequential", (6, 4, 4)),
    ]
    (fc,) = [part for part in found if part.path == "fc"]
    assert fc.shape is None


def test_a_part_that_runs_twice_is_counted_and_knows_its_parent() -> None:
    found = {part.path: part for part in trace(Network(), 8)}
    assert (found["act"].calls, found["stem"].calls) == (2, 1)
    assert (found["body.1"].parent, found["stem"].parent) == ("Sequential", "Network")


def test_tracing_does_not_change_the_network() -> None:
    network = Network().train()
    network.body.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trace(network, 8)
    assert (network.training, network.body.training, network.body[1].training) == (True, False, False)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_network_on_the_meta_device_is_traced_too() -> None:
    with torch.device("meta"):
        network = Network()
    assert {part.path for part in trace(network, 8)} == {"stem", "act", "body.0", "body.1", "body", "fc"}


def test_an_image_that_is_too_small_is_an_error() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 9))
    with pytest.raises(SpecError, match="cannot run on an image of 8x8"):
        trace(network, 8)
    assert not network[0]._forward_hooks


def test_evaluation_mode_ends_with_the_block_also_after_an_error() -> None:
    network = Network().train()
    seen = []

    def fails() -> None:
        with evaluating(network):
            seen.append(network.body[1].training)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert seen == [False]
    assert network.body[1].training


class Tokens(nn.Module):
    """A class token before those of 2x2 patches, or none."""

    def __init__(self, class_token: bool) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, stride=4)
        self.body = nn.Linear(6, 5)
        if class_token:
            self.class_token = nn.Parameter(torch.zeros(1, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        if hasattr(self, "class_token"):
            x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
        found: Tensor = self.body(x)
        return found


def test_tokens_hold_a_map_if_the_network_shows_how_many_precede_it() -> None:
    network = Tokens(class_token=True)
    assert [(part.path, part.shape, part.prefix) for part in trace(network, 8)] == [
        ("patches", (6, 2, 2), None),
        ("body", (5, 2, 2), 1),
    ]
    network = Tokens(class_token=False)
    assert [part.shape for part in trace(network, 8)] == [(6, 2, 2), None]
    network.num_prefix_tokens = 0  # type: ignore[assignment] # timm's
    assert [(part.shape, part.prefix) for part in trace(network, 8)] == [((6, 2, 2), None), ((5, 2, 2), 0)]


def test_a_part_knows_the_two_classes_around_it() -> None:
    found = {part.path: part for part in trace(nn.Sequential(Network()), 8)}
    assert [(found[path].outer, found[path].parent) for path in ("0.body.1", "0.stem", "0")] == [
        ("Network", "Sequential"),
        ("Sequential", "Network"),
        ("", "Sequential"),
    ]
