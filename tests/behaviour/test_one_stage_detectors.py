"""What YOLOF and YOLOX-Nano have in common: how they are called, what they learn from, that they can learn."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from attnctl import backbones
from attnctl.jobs.metrics.coco import CocoAP
from attnctl.models import yolof, yolof_parts, yolox_nano
from attnctl.values import SpecError
from tests.attnctl.models.rectangles import Network, Target

SIZE = 128


def built(name: str, norms: str = "batch") -> Network:
    """A small network of three classes; YOLOF's is narrow, and around a ResNet of four blocks."""
    torch.manual_seed(0)
    if name == "yolox_nano":
        return yolox_nano.build(backbones.build("cspdarknet_nano", 5), 3, norms=norms, size=SIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yolof_parts, "CHANNELS", 64)
        return yolof.build(ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5), 3, norms=norms, size=SIZE)


@pytest.fixture(params=["yolof", "yolox_nano"], scope="module")
def made(request: pytest.FixtureRequest) -> Network:
    return built(request.param)


@pytest.fixture
def network(made: Network) -> Network:
    return copy.deepcopy(made)


PLACES = ([(8, 10, 40, 42), (60, 20, 120, 50)], [(70, 60, 110, 100), (10, 70, 60, 90)])


def scenes() -> tuple[list[Tensor], list[Target]]:
    """Two images of SIZE x SIZE with a red (1) and a blue box (2) each, and their targets."""
    noise = torch.Generator().manual_seed(0)
    images = [(0.5 + 0.05 * torch.randn(3, SIZE, SIZE, generator=noise)).clamp(0, 1) for _ in PLACES]
    for image, places in zip(images, PLACES, strict=True):
        for (left, top, right, bottom), colour in zip(places, ((1.0, 0.2, 0.2), (0.1, 0.1, 0.9)), strict=True):
            image[:, top:bottom, left:right] = torch.tensor(colour)[:, None, None]
    return images, [target(boxes, [1, 2], number=number) for number, boxes in enumerate(PLACES, 1)]


def target(
    boxes: Sequence[Sequence[float]], labels: Sequence[int], iscrowd: Sequence[int] | None = None, number: int = 1
) -> Target:
    count = len(boxes)
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(count, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "area": torch.ones(count),
        "iscrowd": torch.tensor(iscrowd or [0] * count, dtype=torch.uint8),
        "image_id": torch.tensor(number),
    }


def test_images_of_any_shape_are_accepted_and_boxes_are_in_their_pixels(network: Network) -> None:
    network.eval()
    network.score = 0.0
    shapes = [(50, 200), (300, 40), (128, 128)]
    with torch.inference_mode():
        found = network([torch.rand(3, *shape) for shape in shapes])
    for each, (height, width) in zip(found, shapes, strict=True):
        count = len(each["boxes"])
        assert count
        assert (each["boxes"].shape, each["boxes"].dtype) == ((count, 4), torch.float32)
        assert (each["labels"].shape, each["labels"].dtype) == ((count,), torch.int64)
        assert (each["scores"].shape, each["scores"].dtype) == ((count,), torch.float32)
        assert each["labels"].min() >= 1
        assert each["labels"].max() <= 3
        assert each["scores"].diff().le(0).all()
        assert each["boxes"].min() >= 0
        assert (each["boxes"] <= torch.tensor([width, height, width, height]) + 1e-3).all()


def test_a_batch_is_accepted_like_a_list(network: Network) -> None:
    network.eval()
    network.score = 0.0
    images = torch.rand(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        for one, other in zip(network(images), network(list(images)), strict=True):
            for name in ("boxes", "labels", "scores"):
                assert torch.equal(one[name], other[name])


def test_the_given_images_and_targets_are_not_changed(network: Network) -> None:
    images, targets = scenes()
    given = copy.deepcopy((images, targets))
    network(images, targets)
    assert all(map(torch.equal, images, given[0]))
    for target_, before in zip(targets, given[1], strict=True):
        assert target_.keys() == before.keys()
        assert all(torch.equal(target_[name], before[name]) for name in before)


def test_training_needs_targets(network: Network) -> None:
    with pytest.raises(ValueError, match="training needs targets"):
        network([torch.rand(3, 32, 32)])


def losses(network: Network, images: list[Tensor], targets: list[Target]) -> dict[str, Tensor]:
    torch.manual_seed(3)
    found: dict[str, Tensor] = copy.deepcopy(network)(images, targets)
    return found


def test_the_losses_of_the_same_are_the_same(network: Network) -> None:
    images, targets = scenes()
    first, second = (losses(network, images, targets) for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) and first[name].dim() == 0 for name in first)


def test_crowds_and_boxes_of_no_area_are_not_learned(network: Network) -> None:
    images, targets = scenes()
    more = [
        target([*PLACES[0], (5, 5, 90, 90), (20, 20, 20, 60)], [1, 2, 3, 3], [0, 0, 1, 0]),
        target([(30, 40, 30, 40), *PLACES[1]], [1, 1, 2]),
    ]
    expected, found = losses(network, images, targets), losses(network, images, more)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("case", ["boxes", "one image without", "no boxes at all", "only a crowd"])
def test_every_parameter_has_a_gradient(network: Network, case: str) -> None:
    """One without would keep the other processes of a distributed training waiting."""
    images, targets = scenes()
    nothing = target([], [])
    wanted = {
        "boxes": targets,
        "one image without": [targets[0], nothing],
        "no boxes at all": [nothing, nothing],
        "only a crowd": [target([(5, 5, 90, 90)], [1], [1]), nothing],
    }[case]
    found = network(images, wanted)
    total = sum(found.values())
    assert total.isfinite()
    total.backward()
    missing = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert not missing
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.requires_grad)
    if case == "no boxes at all":
        assert found["loss_box_reg"] == 0


def test_losses_are_in_full_precision_under_autocast(network: Network) -> None:
    images, targets = scenes()
    with torch.autocast("cpu", torch.bfloat16):
        found = losses(network, images, targets)
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in found.values())


def test_the_network_works_in_double_precision(network: Network) -> None:
    images, targets = scenes()
    found = losses(network.double(), [image.double() for image in images], targets)
    assert {loss.dtype for loss in found.values()} == {torch.float64}


def test_several_scales_are_drawn_by_torchs_generator(network: Network) -> None:
    images, targets = scenes()
    network.transform.min_size = (64, 96, 128)

    def total(seed: int) -> float:
        torch.manual_seed(seed)
        return float(sum(copy.deepcopy(network)(images, targets).values()).item())

    seen = [total(seed) for seed in range(6)]
    assert len(set(seen)) > 1
    assert [total(seed) for seed in range(6)] == seen


@pytest.mark.parametrize("name", ["yolof", "yolox_nano"])
def test_a_classifiers_weights_have_a_place_under_the_bodys_name(name: str, made: Network) -> None:
    body = backbones.build("cspdarknet_nano", 5) if name == "yolox_nano" else ResNet(BasicBlock, [1, 1, 1, 1])
    network = built(name)
    own = {key for key in network.state_dict() if key.startswith(network.body_prefix)}
    assert own == {network.body_prefix + key for key in body.state_dict() if not key.startswith(("fc.", "classifier."))}


def test_frozen_norms_and_the_first_stage_of_yolofs_body_do_not_learn() -> None:
    network = built("yolof", norms="frozen")
    images, targets = scenes()
    before = copy.deepcopy(network.state_dict())
    sum(network(images, targets).values()).backward()
    fixed = ("backbone.conv1", "backbone.bn1", "backbone.layer1")
    assert not any(p.requires_grad for key, p in network.named_parameters() if key.startswith(fixed))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.backbone.modules())
    assert all(p.grad is not None for key, p in network.named_parameters() if not key.startswith(fixed))
    after = network.state_dict()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved
    assert not any(key.startswith("backbone.") for key in moved)


def test_other_bodies_and_sizes_are_refused() -> None:
    with pytest.raises(SpecError, match="YOLOX-Nano works with cspdarknet_nano, not ResNet"):
        yolox_nano.build(ResNet(BasicBlock, [1, 1, 1, 1]), 3)
    with pytest.raises(SpecError, match="YOLOF works with a ResNet of torchvision, not CspDarknet"):
        yolof.build(backbones.build("cspdarknet_nano", 3), 3)
    with pytest.raises(SpecError, match="the input size is 100 pixels"):
        yolox_nano.build(backbones.build("cspdarknet_nano", 3), 3, size=100)


# ------------------------------------------------------------------------------------------------------ learning


def learn(
    network: Network,
    images: list[Tensor],
    targets: list[Target],
    rate: float,
    steps: int,
    clip: float = torch.inf,
) -> None:
    weights = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    for _ in range(steps):
        loss = sum(network(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, clip)
        optimizer.step()
        schedule.step()


def settle(network: Network, images: list[Tensor], targets: list[Target]) -> None:
    """The running statistics of the norms become those of these images, and stay: two are too few to wait for them."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network(images, targets)
    for norm in norms:
        norm.eval()


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("yolof", (0.002, 60), (0.0005, 40)), ("yolox_nano", (0.005, 120, 10.0), (0.002, 60, 10.0))],
)
def test_it_learns_two_images_by_heart(
    name: str,
    first: tuple[float, int, float] | tuple[float, int],
    second: tuple[float, int, float] | tuple[float, int],
    one_thread: None,
) -> None:
    network = built(name)
    images, targets = scenes()
    learn(network, images, targets, *first)
    settle(network, images, targets)
    learn(network, images, targets, *second)
    metric = CocoAP((1, 2, 3))
    with torch.inference_mode():
        metric.update(network.eval()(images), targets)
    values = metric.compute()
    assert values["ap50"] > 90
    assert values["ap75"] > 90
