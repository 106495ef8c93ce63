"""Which tensors of a network a set of weights fills; tests/jobs/training/test_initial.py loads many networks."""

from __future__ import annotations

import pytest
from torch import Tensor, nn
from torchvision import models
from torchvision.ops import FrozenBatchNorm2d

from attnctl.grid import Axes, expand
from attnctl.networks import surgery
from attnctl.networks.weights.match import Plain, first_names, fit, frozen_names, renamed


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), FrozenBatchNorm2d(4), nn.Linear(4, 10))


def plain() -> Plain:
    return Plain.of(nn.Sequential(nn.Conv2d(3, 4, 3), FrozenBatchNorm2d(4), nn.Linear(4, 11)))


def weights() -> dict[str, Tensor]:
    return dict(network().state_dict())


def test_weights_that_fit_whole_are_not_refused() -> None:
    found = fit(network(), weights(), plain, "a.pth")
    assert (found.refusal("a.pth", partial=False), found.total, found.loaded.loaded) == ("", 8, 8)


def test_what_is_missing_is_counted_and_can_be_accepted() -> None:
    part = {name: value for name, value in weights().items() if not name.startswith("0.")}
    found = fit(network(), part, plain, "a.pth")
    assert found.words() == "6 of 8 tensors load; missing: 0.weight, 0.bias"
    assert found.refusal("a.pth", partial=False) == (
        f"a.pth does not fit this network: {found.words()}; --init-partial accepts that"
    )
    assert found.refusal("a.pth", partial=True) == ""


def test_what_would_be_frozen_at_random_can_not_be_accepted() -> None:
    part = {name: value for name, value in weights().items() if not name.startswith("1.")}
    refusal = fit(network(), part, plain, "a.pth").refusal("a.pth", partial=True)
    assert refusal.startswith("a.pth leaves tensors random that this network freezes: 1.weight, 1.bias; ")


def test_frozen_are_parameters_without_gradient_and_frozen_norms() -> None:
    made = network()
    made[2].bias.requires_grad_(False)  # type: ignore[index]
    assert frozen_names(made) == {"1.weight", "1.bias", "2.bias"}


def test_parts_have_the_names_of_the_network() -> None:
    own = ["fc.weight", "layer1.0.downsample.0.weight"]
    found = renamed({"linear.weight": 1, "layer1.0.shortcut.0.weight": 2}, own)
    assert found == {"fc.weight": "linear.weight", "layer1.0.downsample.0.weight": "layer1.0.shortcut.0.weight"}
    assert renamed({"linear.weight": 1}, ["linear.weight", "fc.weight"]) == {"linear.weight": "linear.weight"}


def test_a_long_list_of_names_is_cut() -> None:
    assert first_names(["a", "b", "c", "d"]) == "a, b, c and 1 more"


@pytest.mark.parametrize("placement", ["depthwise", "own-se"])
def test_the_weights_of_a_plain_network_of_torchvision_load_around_the_attention(placement: str) -> None:
    (spec,) = expand(Axes(modules=("ela",), backbones=("mobilenet_v3_small",), placements=(placement,))).specs
    published = models.mobilenet_v3_small().state_dict()
    network = surgery.build(spec)
    found = fit(network, published, lambda: Plain.of_run(spec, None), "a.pth")
    assert found.refusal("a.pth", partial=False) == ""
    attention = [name for name in network.state_dict() if ".attention." in name or placement == "own-se"]
    assert set(found.loaded.missing) <= set(attention)
    assert found.loaded.reshaped == ["classifier.3.weight", "classifier.3.bias"]
    assert len(found.loaded.unexpected) == (36 if placement == "own-se" else 0)
