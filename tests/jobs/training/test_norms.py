"""Norms as the recipe has them."""

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn

from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import norms
from attnctl.networks import surgery
from attnctl.spec import Recipe
from attnctl.values import SpecError
from tests.jobs.training.small_detectors import body
from tests.jobs.training.training_workers import make_spec


def recipe(**fields: Any) -> Recipe:
    return dataclasses.replace(make_spec().recipe, **fields)


def test_norms_use_the_momentum_of_the_recipe() -> None:
    network = norms.prepare(body(), recipe(bn_momentum=0.0003), Group(0, 1, torch.device("cpu")))
    assert {module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)} == {0.0003}


def test_synchronised_norms_need_gpus() -> None:
    alone = norms.prepare(body(), recipe(norms="sync"), Group(0, 1, torch.device("cpu")))
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in alone.modules())
    several = cast(Group, SimpleNamespace(world=2, device=torch.device("cpu")))
    with pytest.raises(SpecError, match="norms sync needs GPUs"):
        norms.prepare(body(), recipe(norms="sync"), several)
    on_gpus = cast(Group, SimpleNamespace(world=2, device=torch.device("cuda")))
    made = norms.prepare(body(), recipe(norms="sync"), on_gpus)
    assert any(isinstance(module, nn.SyncBatchNorm) for module in made.modules())
    assert made.state_dict().keys() == body().state_dict().keys()


@pytest.mark.parametrize("module", ["nam", "an", "ca", "cbam"])
def test_synchronised_norms_of_attention_still_do_what_the_module_does(module: str) -> None:
    on_gpus = cast(Group, SimpleNamespace(world=2, device=torch.device("cuda")))
    attended = surgery.attach(body(), module, "norm2" if module == "an" else "block", backbone="resnet18", size=64)
    for part in attended.modules():
        if isinstance(part, nn.BatchNorm2d) and part.affine:
            nn.init.uniform_(part.weight)
    images = torch.randn(2, 3, 64, 64)
    expected = attended.eval()(images)
    made = norms.prepare(attended, recipe(norms="sync"), on_gpus)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in made.modules())
    torch.testing.assert_close(made.eval()(images), expected)
