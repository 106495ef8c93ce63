"""The axes of a sweep from what is typed."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.axes import addresses, axes, shared_hyperparameters
from attnctl.cli.sweeping.dynamic_options import Dynamic
from attnctl.grid import Axes
from attnctl.values import SpecError


def test_axes_accept_lists_defaults_and_addresses() -> None:
    made = axes(
        "ela,se",
        given={"backbone": ["resnet20", "resnet18"], "dataset": None, "placement": None, "seed": None},
        addressed=["ela.num-groups=4, 8"],
        recipe=None,
        dynamic=Dynamic({"kernel": "5,7"}, {"lr": "0.1"}),
        defaults={"seed": "0,1", "epochs": 3, "lr": 0.5, "backbone": "resnet50"},
    )
    assert made.backbones == ("resnet20", "resnet18")
    assert made.seeds == ("0", "1")
    assert made.overrides == {"epochs": ("3",), "lr": ("0.1",)}
    assert made.addressed == {("ela", "num_groups"): ("4", "8")}


@pytest.mark.parametrize("text", ["kernel=5", "ela.kernel", "ela.kernel=", "=", "ela.=5"])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        addresses([text])


def made(modules: str, hyperparameters: dict[str, str], *addressed: str) -> Axes:
    return axes(
        modules,
        given={},
        addressed=addressed,
        recipe=None,
        dynamic=Dynamic(hyperparameters, {}),
        defaults={},
    )


def test_a_hyperparameter_that_several_modules_get_is_told_with_how_to_name_one() -> None:
    assert shared_hyperparameters(made("none,cbam,se", {"r": "2,4"})) == [
        "--r applies to cbam, se; -p cbam.r=2,4 sets it for cbam alone"
    ]
    assert shared_hyperparameters(made("cbam+se", {"r": "2"})) != []


def test_a_hyperparameter_of_one_module_needs_no_note() -> None:
    assert shared_hyperparameters(made("none,ela,se", {"r": "2,4"})) == []
    assert shared_hyperparameters(made("cbam,se", {"r": "2,4"}, "cbam.r=8")) == []
    assert shared_hyperparameters(made("cbam,se", {}, "cbam.r=8")) == []


def test_options_of_the_recipes_parts_are_addressed_like_hyperparameters() -> None:
    request = made("none", {}, "loss.gamma=1,2", "optimizer.eps=1e-6")
    assert request.addressed == {}
    assert request.overrides == {"loss.gamma": ("1", "2"), "optimizer.eps": ("1e-6",)}
