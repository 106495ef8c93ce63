"""What one forward is recorded as: its operations by kind, and the parameters by the layers that they serve."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl import attention
from attnctl.networks.complexity.record import Recorder, attention_modules
from attnctl.networks.complexity.work import Kind, Role, Work


def recorded(network: nn.Module, *shape: int, exact: bool = True) -> Recorder:
    recorder = Recorder(network, exact=exact)
    with torch.no_grad(), recorder.watching(), recorder:
        network.eval()(torch.zeros(1, *shape))
    return recorder


def test_a_layer_and_its_function_are_distinguished() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 4, 3, padding=1)
            self.scale, self.offset = nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4))

        def forward(self, x: Tensor) -> Tensor:
            y = functional.layer_norm(self.conv(x).flatten(2).mT, (4,), self.scale, self.offset)
            return y.mean(1)

    recorder = recorded(Net(), 2, 6, 6)
    assert recorder.works() == {
        Kind("conv"): Work(36 * 4 * 2 * 9, 72, 144, biased=144, biased_inputs=288),
        Kind("layer_norm", layer=False): Work(0, 144, 144),
    }
    assert recorder.roles() == {
        Role("conv", "weight"): 72,
        Role("conv", "bias"): 4,
        Role("free", "scale"): 4,
        Role("free", "offset"): 4,
    }


def test_only_the_last_call_of_a_module_is_the_last() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.fc(self.fc(x))
            return scores

    recorder = recorded(Twice(), 3)
    work = Work(9, 3, 3)
    assert recorder.works() == {Kind("linear", last=False): work, Kind("linear"): work}
    assert recorder.roles() == {Role("linear", "weight", calls=2): 9}


@pytest.mark.parametrize("name", ["se", "ela", "ean", "nam", "an"])
def test_work_of_an_attention_module_is_marked(name: str) -> None:
    module = attention.create(name, 16, (8, 8))
    network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), module)
    assert next(attention_modules(network)) is module
    kinds = recorded(network, 3, 8, 8).works()
    assert Kind("conv") in kinds
    assert any(kind.attention for kind in kinds)
    assert sum(recorded(network, 3, 8, 8).roles().values()) == sum(map(Tensor.numel, network.parameters()))


def test_a_forward_of_shapes_has_the_same_record() -> None:
    """With `exact` off, norms and activations are not computed, only their shapes."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1)).eval()
        found = []
        for exact in (True, False):
            recorder = Recorder(network, exact=exact)
            with recorder.watching(), recorder:
                assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 1, 1)
            found.append((recorder.works(), recorder.roles()))
    assert found[0] == found[1]
