"""A network to count, named as a command names it."""

from __future__ import annotations

import pytest

from attnctl.networks.complexity.cells import Cell, cell
from attnctl.values import SpecError


def test_names_become_the_data_sets_classes_and_size_and_all_hyperparameters() -> None:
    made = cell("ela", {"kernel": 5}, "resnet20", "block", "cifar100")
    assert (made.classes, made.size, made.channels, made.placement) == (100, 32, 3, "block")
    assert dict(made.hyperparameters)["kernel"] == 5
    assert [name for name, _ in made.hyperparameters] == sorted(dict(made.hyperparameters))
    assert {"groups", "num_groups", "shared"} <= dict(made.hyperparameters).keys()


def test_the_plain_backbone_has_no_placement_and_no_hyperparameters() -> None:
    made = cell("se", {}, "resnet20", "block", "cifar10")
    assert made.plain == cell("none", {}, "resnet20", "", "cifar10") == Cell(backbone="resnet20", classes=10, size=32)


def test_the_size_is_the_models_unless_one_is_given() -> None:
    own = cell("none", {}, "cspdarknet_nano", "", "voc07", model="yolox_nano")
    assert own.size > 32
    assert cell("none", {}, "cspdarknet_nano", "", "voc07", 320, model="yolox_nano").size == 320


@pytest.mark.parametrize(
    ("module", "backbone", "placement", "dataset", "said"),
    [
        ("elaa", "resnet20", "block", "cifar10", "did you mean 'ela'"),
        ("ela", "resnet21", "block", "cifar10", "did you mean 'resnet"),
        ("ela", "resnet20", "blok", "cifar10", "block"),
        ("ela", "resnet20", "block", "cifar1", "did you mean 'cifar1"),
    ],
)
def test_an_unknown_name_names_the_nearest(module: str, backbone: str, placement: str, dataset: str, said: str) -> None:
    with pytest.raises(SpecError) as error:
        cell(module, {}, backbone, placement, dataset)
    assert said in str(error.value)
