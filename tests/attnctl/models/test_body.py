"""The classification network in a detector: its names, its maps, what is frozen of it."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import resnet50
from torchvision.ops import FrozenBatchNorm2d

from attnctl import backbones, models
from attnctl.models import body as bodies
from attnctl.models import ssdlite320
from attnctl.networks import surgery
from attnctl.values import SpecError
from tests.attnctl.models.rectangles import Network


def attended(backbone: str, module: str, placement: str, **hyperparameters: Any) -> Network:
    torch.manual_seed(0)
    network = backbones.build(backbone, 5)
    return surgery.attach(network, module, placement, backbone=backbone, size=64, **hyperparameters)


def trainable(network: nn.Module, *words: str) -> bool | set[bool]:
    """Whether gradients reach the parameters whose names have all these words: all, none, or some of them."""
    found = {
        parameter.requires_grad for name, parameter in network.named_parameters() if set(words) <= set(split(name))
    }
    return found.pop() if len(found) == 1 else found


def split(name: str) -> list[str]:
    return name.split(".")


@pytest.mark.parametrize("model", [name for name in models.names() if not name.startswith("yolo")])
def test_the_bodys_weights_have_their_names_under_the_prefix(model: str) -> None:
    """A classification run's weights fit as they are, whatever became of the norms."""
    for backbone in models.describe(model).backbones[:: 4 if "rcnn" in model else 1]:
        with torch.device("meta"):
            before = backbones.build(backbone, 5).state_dict()
            network: Network = models.build(model, backbones.build(backbone, 5), 3)
        after = network.state_dict()
        found = {name.removeprefix(network.body_prefix) for name in after if name.startswith(network.body_prefix)}
        left = {name for name in set(before) - found if not name.endswith("num_batches_tracked")}
        # what is dropped: the classifier, and a last convolution after the last map
        assert {split(name)[0] for name in left} <= {"fc", "classifier", "features"}
        assert {name for name in left if name.startswith("features")} <= {n for n in before if "features.18." in n}
        for name in found:
            assert name not in before or before[name].shape == after[network.body_prefix + name].shape


def test_frozen_norms_as_buffers_or_as_parameters() -> None:
    network: Network = backbones.build("resnet18", 5)
    nn.init.uniform_(network.layer2[0].bn1.weight)
    network.layer2[0].bn1.running_mean.fill_(0.3)
    as_buffers, as_parameters = copy.deepcopy(network), copy.deepcopy(network)
    bodies.apply_norms(as_buffers, "frozen")
    bodies.apply_norms(as_parameters, "frozen", buffers=False)
    assert isinstance(as_buffers.layer2[0].bn1, FrozenBatchNorm2d)
    assert not as_parameters.layer2[0].bn1.weight.requires_grad
    images = torch.randn(2, 3, 64, 64)
    expected = network.eval()(images)
    for frozen in (as_buffers, as_parameters):
        before = copy.deepcopy(frozen.state_dict())
        torch.testing.assert_close(frozen.train()(images), expected)
        assert all(torch.equal(before[name], value) for name, value in frozen.state_dict().items())
        assert trainable(frozen, "layer1") is False
        assert trainable(frozen, "layer2", "conv1") is True
        assert not frozen.conv1.weight.requires_grad


def test_frozen_norms_of_attention_learn_without_statistics() -> None:
    """The norm in CA: its scale goes on to learn, its statistics stay."""
    network = attended("resnet18", "ca", "block")
    bodies.apply_norms(network, "frozen")
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.train()(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(torch.equal(before[name], value) for name, value in network.named_buffers())
    assert trainable(network, "layer1", "attention") is False
    grads = [value.grad for name, value in network.named_parameters() if "layer3" in name and "attention" in name]
    assert grads
    assert all(grad is not None for grad in grads)
    norm = next(part for part in network.layer3[0].modules() if isinstance(part, bodies.FixedBatchNorm2d))
    assert norm.weight.requires_grad


def test_in_frozen_norms_nams_gate_is_its_formula_with_the_statistics_at_rest() -> None:
    network = attended("resnet18", "nam", "block")
    for norm in (part for name, part in network.named_modules() if name.endswith("attention.channel")):
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.uniform_(norm.weight)
        nn.init.constant_(norm.get_buffer("running_mean"), 0.3)
    images = torch.randn(2, 3, 64, 64)
    expected = network.eval()(images)
    bodies.apply_norms(network, "frozen")
    torch.testing.assert_close(network.train()(images), expected)
    network(images).sum().backward()
    fixed = next(part for part in network.layer3[0].modules() if isinstance(part, bodies.FixedBatchNorm2d))
    assert fixed.weight.grad is not None


@pytest.mark.parametrize("form", ["paper", "released"])
def test_in_frozen_an_only_weights_after_the_first_stage_learn(form: str) -> None:
    """Li, Sun and Wu, section 4.2."""
    network = attended("resnet18", "an", "norm2", form=form)
    bodies.apply_norms(network, "frozen", buffers=False)
    assert trainable(network, "layer1") is False
    for stage in ("layer2", "layer3", "layer4"):
        assert trainable(network, stage, "scale") is False
        assert trainable(network, stage, "offset") is False
        assert trainable(network, stage, "weights") is True
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.train()(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(torch.equal(before[name], value) for name, value in network.named_buffers())
    assert network.layer2[0].bn2.weights.layer.weight.grad is not None


def test_batch_norms_stay_unchanged() -> None:
    network = backbones.build("resnet18", 5)
    bodies.apply_norms(network, "batch")
    assert isinstance(network.bn1, nn.BatchNorm2d)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_mismatching_sizes_and_classes_are_errors() -> None:
    names = ("resnet18", "densenet121", "vgg16_bn_cifar", "mobilenet_v2")
    with torch.device("meta"):
        resnet, densenet, vgg, mobilenet = (backbones.build(name, 5) for name in names)
    with pytest.raises(SpecError, match="norms must be batch or frozen, not 'group'"):
        bodies.apply_norms(resnet, "group")
    with pytest.raises(SpecError, match="ResNet and MobileNetV2, not with DenseNet"):
        bodies.pyramid_maps(densenet)
    with pytest.raises(SpecError, match="VGG has no known first stage"):
        bodies.apply_norms(vgg, "frozen")
    with pytest.raises(SpecError, match="MobileNetV2 cannot keep its resolution"):
        bodies.dilate_last_stage(mobilenet)
    with pytest.raises(SpecError, match="ssdlite320 works with MobileNeXt and MobileNetV2, not ResNet"):
        ssdlite320.build(resnet, 3)


def test_dilation_is_torchvisions() -> None:
    torch.manual_seed(0)
    network = resnet50(num_classes=5)
    dilated = resnet50(num_classes=5, replace_stride_with_dilation=[False, False, True])
    dilated.load_state_dict(network.state_dict())
    bodies.dilate_last_stage(network)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(network.eval()(images), dilated.eval()(images))


@pytest.mark.parametrize("placement", ["stage", "conv2", "block", "layer4.*.conv2"])
def test_dilation_reaches_through_attention(placement: str) -> None:
    network = attended("resnet50", "se", placement)
    bodies.dilate_last_stage(network)
    maps, _ = bodies.pyramid_maps(network)
    assert [tuple(value.shape[1:]) for value in maps.eval()(torch.randn(1, 3, 64, 64)).values()] == [
        (256, 16, 16),
        (512, 8, 8),
        (1024, 4, 4),
        (2048, 4, 4),
    ]


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v2"])
def test_the_maps_of_a_pyramid(backbone: str) -> None:
    maps, channels = bodies.pyramid_maps(backbones.build(backbone, 5))
    found = maps.eval()(torch.randn(1, 3, 64, 64))
    assert list(found) == ["0", "1", "2", "3"]
    assert [tuple(value.shape[1:]) for value in found.values()] == [
        (count, side, side) for count, side in zip(channels, (16, 8, 4, 2), strict=True)
    ]


def keep(seen: list[int], _part: nn.Module, _inputs: object, output: torch.Tensor) -> None:
    seen.append(id(output))


@pytest.mark.parametrize("backbone", ["mobilenext", "mobilenet_v2"])
def test_maps_from_within_a_mobilenet_have_the_attention_around_them(backbone: str) -> None:
    """At every placement of the backbone the taps are found, and what they give is attended to."""
    for name, place in backbones.placements(backbone).items():
        module, hyperparameters = ("gn", {"num_groups": 1}) if place.replaces else ("se", {})
        network = attended(backbone, module, place.label, **hyperparameters)
        names = {id(part): path for path, part in network.named_modules()}
        maps: Network = ssdlite320.build(network, 3).backbone
        seen: list[int] = []
        for tap in maps.body.taps:
            part = maps.body.get_submodule(tap)
            part.register_forward_hook(partial(keep, seen))
            assert names[id(part)] == tap, name
        found = maps.eval()(torch.randn(1, 3, 64, 64))
        assert [value.shape[1] for value in found.values()][:2] == [576 if backbone == "mobilenext" else 96, 1280]
        assert {id(value) for value in list(found.values())[:2]} <= set(seen)


def test_a_copy_has_its_own_maps() -> None:
    maps = ssdlite320.build(backbones.build("mobilenet_v2", 5), 3).get_submodule("backbone").eval()
    other = copy.deepcopy(maps)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for parameter in maps.parameters():
            parameter.zero_()
    assert other(images)["0"].abs().sum() > 0
