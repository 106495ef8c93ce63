"""Networks are built by name: our own, torchvision's, and a user's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from attnctl.backbones.build import build, of_run
from attnctl.values import SpecError


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "mobilenet_v3_small"])
def test_a_network_has_an_output_for_each_class(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 7)
        assert network.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_classifiers_are_left_out(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 7).train()
        assert isinstance(network(torch.zeros(2, 3, 299, 299)), torch.Tensor)


def test_a_users_network_is_built_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n\ndef tiny(classes: int) -> nn.Module:\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(classes))\n"
    )
    network = build(f"{tmp_path / 'mine.py'}:tiny", 7)
    assert isinstance(network, nn.Sequential)
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 7)


def test_a_run_names_a_built_in_network_by_its_own_name() -> None:
    assert of_run("resnet20", 1, None) == "resnet20"


def test_a_users_network_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError):
        of_run("mine:tiny", "ast:0123456789abcdef", tmp_path)
