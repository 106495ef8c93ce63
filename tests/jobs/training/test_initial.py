"""What detectors begin with: a classifier's weights, the recipe's scales and norms."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from attnctl import backbones, models
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training import initial, norms
from attnctl.models.scales import rescale
from attnctl.networks import surgery
from attnctl.spec import Recipe
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.training.training_workers import make_spec


def body(module: str = "") -> nn.Module:
    network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    return surgery.attach(network, module, "block", size=64) if module else network


def detector(module: str = "", frozen: str = "frozen") -> nn.Module:
    return models.build("fasterrcnn", body(module), 10, norms=frozen, size=64)


def loaded(tmp_path: Path, network: nn.Module, weights: dict[str, torch.Tensor]) -> initial.Loaded:
    workspace = Workspace(tmp_path)
    path = workspace.weights("0" * 64)
    path.parent.mkdir(parents=True)
    torch.save(weights, path)
    return initial.load(network, "file:" + "0" * 64, workspace)


@pytest.mark.parametrize("frozen", ["frozen", "batch"])
def test_a_classifier_with_the_same_module_becomes_the_body(tmp_path: Path, frozen: str) -> None:
    classifier, network = body("se"), detector("se", frozen)
    found = loaded(tmp_path, network, classifier.state_dict())
    assert found.missing
    assert not any(name.startswith("backbone.body.") for name in found.missing), "the whole body is loaded"
    assert (found.unexpected, found.reshaped) == (["fc.weight", "fc.bias"], [])
    inside = network.get_submodule("backbone.body").state_dict()
    for name, tensor in classifier.state_dict().items():
        if not name.startswith("fc.") and (frozen == "batch" or "num_batches_tracked" not in name):
            assert torch.equal(inside[name], tensor), name


def test_a_plain_classifier_becomes_the_body_of_a_detector_with_attention(tmp_path: Path) -> None:
    found = loaded(tmp_path, detector("se"), body().state_dict())
    missing = [name for name in found.missing if name.startswith("backbone.body.")]
    assert missing
    assert all(".attention." in name for name in missing)
    assert found.unexpected == ["fc.weight", "fc.bias"]


def test_a_detector_s_weights_fit_another_by_their_own_names(tmp_path: Path) -> None:
    first = detector("se")
    found = loaded(tmp_path, detector("se"), first.state_dict())
    assert (found.missing, found.unexpected, found.reshaped) == ([], [], [])
    assert found.loaded == len(first.state_dict())


def test_a_detector_for_other_classes_keeps_its_own_predictor(tmp_path: Path) -> None:
    first = models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 80)
    network = models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 20)
    found = loaded(tmp_path, network, first.state_dict())
    assert (found.missing, found.unexpected) == ([], [])
    assert all("cls_preds" in name for name in found.reshaped)
    assert found.reshaped


def test_scales_are_the_transform_s_sides() -> None:
    network = detector()
    rescale(network, (48, 64, 80), 100)
    transform = cast(Any, network.transform)
    assert (transform.min_size, transform.max_size) == ((48, 64, 80), 100)
    network.train()
    target = {"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.ones(1, dtype=torch.int64)}
    sizes = set()
    for seed in range(12):
        torch.manual_seed(seed)
        sizes.add(transform([torch.rand(3, 60, 60)], [target])[0].image_sizes[0])
    assert sizes == {(48, 48), (64, 64), (80, 80)}
    assert transform.eval()([torch.rand(3, 60, 60)])[0].image_sizes == [(80, 80)]


def test_a_model_of_one_size_takes_no_scales() -> None:
    single = models.build("ssdlite320", backbones.build("mobilenet_v2", 10), 10)
    with pytest.raises(SpecError, match="min_sizes does not go with this model"):
        rescale(single, (48, 64), 0)
    with pytest.raises(SpecError, match="max_size does not go with this model"):
        rescale(models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 10), (), 800)


def recipe(**fields: Any) -> Recipe:
    return dataclasses.replace(make_spec().recipe, **fields)


def test_norms_take_the_recipe_s_momentum() -> None:
    network = norms.prepared(body(), recipe(bn_momentum=0.0003), Group(0, 1, torch.device("cpu")))
    assert {module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)} == {0.0003}


def test_synchronous_norms_are_for_gpus() -> None:
    alone = norms.prepared(body(), recipe(norms="sync"), Group(0, 1, torch.device("cpu")))
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in alone.modules())
    several = cast(Group, SimpleNamespace(world=2, device=torch.device("cpu")))
    with pytest.raises(SpecError, match="norms sync needs GPUs"):
        norms.prepared(body(), recipe(norms="sync"), several)
    on_gpus = cast(Group, SimpleNamespace(world=2, device=torch.device("cuda")))
    made = norms.prepared(body(), recipe(norms="sync"), on_gpus)
    assert any(isinstance(module, nn.SyncBatchNorm) for module in made.modules())
    assert made.state_dict().keys() == body().state_dict().keys()
