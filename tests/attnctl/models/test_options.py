"""The options of models: each changes what it says, and nothing else."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attnctl import backbones, models, recipes
from attnctl.models import deeplabv3, semantic, ssdlite320
from attnctl.models.options import configure
from attnctl.models.pyramid import box_losses
from attnctl.spec import recipe_fields
from tests.attnctl.models.rectangles import SIZE, Network, narrow, scenes, target


def test_every_option_is_a_field_of_a_recipe_and_some_model_has_it() -> None:
    fields = {name for name, item in recipe_fields().items() if item.metadata["of_model"]}
    assert fields == {option for name in models.names() for option in models.describe(name).options}


def test_recipes_of_models_have_no_option_of_others() -> None:
    for name in models.names():
        model = models.describe(name)
        for recipe in set(model.recipes.values()):
            assert set(recipes.resolve(recipe, {}).model_options()) <= set(model.options), (name, recipe)


# ----------------------------------------------------------------------------------------------------- initial weights


@pytest.mark.parametrize("name", ["fasterrcnn", "maskrcnn", "maskrcnn_gn", "cascade_maskrcnn", "htc"])
def test_heads_of_regions_begin_as_released(name: str) -> None:
    """fc_cls has a deviation of 0.01 and fc_reg of 0.001, the layers before them Xavier's, and all biases are 0."""
    plain, network = narrow(name), narrow(name)
    configure(network, {"head_init": "released"})
    predictors = [module for path, module in network.named_modules() if path.endswith("box_predictor")]
    assert len(predictors) == (3 if name in {"cascade_maskrcnn", "htc"} else 1)
    for predictor in predictors:
        for layer, deviation in ((predictor.cls_score, 0.01), (predictor.bbox_pred, 0.001)):
            assert layer.weight.std().item() == pytest.approx(deviation, rel=0.15)
            assert not layer.bias.any()
    heads = [module for path, module in network.named_modules() if path.endswith("box_head")]
    for layer in (layer for head in heads for layer in head.modules() if isinstance(layer, nn.Linear)):
        bound = math.sqrt(6 / (layer.in_features + layer.out_features))
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert not layer.bias.any()
    changed = {path for path, value in plain.state_dict().items() if not torch.equal(value, network.state_dict()[path])}
    assert changed
    assert all("box_head" in path or "box_predictor" in path for path in changed)


def test_the_head_of_pixels_begins_by_fan_in() -> None:
    plain, network = (deeplabv3.build(backbones.build("resnet18", 5), 21) for _ in range(2))
    network.load_state_dict(plain.state_dict())
    configure(network, {"head_init": "released"})
    convolutions = [layer for layer in network.classifier.modules() if isinstance(layer, nn.Conv2d)]  # type: ignore[union-attr]
    for layer in convolutions:
        assert layer.weight.std().item() == pytest.approx((2 / layer.weight[0].numel()) ** 0.5, rel=0.1)
    assert convolutions[-1].bias is not None
    assert 0 < convolutions[-1].bias.abs().max() <= 1 / 16  # torch's own: one over the root of 256 channels
    backbone = plain.state_dict().items()
    assert all(
        torch.equal(value, network.state_dict()[path]) for path, value in backbone if path.startswith("backbone.")
    )


# --------------------------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("name", ["fasterrcnn", "maskrcnn"])
def test_with_torchvisions_beta_the_losses_and_gradients_are_torchvisions(name: str) -> None:
    results = []
    for options in ({}, {"box_beta": 1 / 9}):
        network = narrow(name).train()
        configure(network, options)
        torch.manual_seed(1)
        losses = network(*scenes())
        torch.stack(list(losses.values())).sum().backward()
        results.append((losses, [value.grad for value in network.parameters() if value.grad is not None]))
    (theirs, their_gradients), (ours, our_gradients) = results
    assert list(ours) == list(theirs)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradients, their_gradients)


@pytest.mark.parametrize("beta", [1 / 9, 1.0])
def test_the_loss_of_boxes_bends_at_beta(beta: float) -> None:
    logits, labels = torch.zeros(3, 3), torch.tensor([0, 2, 1])
    offsets = torch.zeros(3, 12)
    offsets[1, 8:] = torch.tensor([0.05, 0.5, 2.0, 0.0])  # of class 2
    offsets[2, 4:8] = torch.tensor([-3.0, 0.0, 0.0, 0.0])  # of class 1
    expected = 0.0
    for difference in (0.05, 0.5, 2.0, 3.0):
        expected += difference**2 / (2 * beta) if difference < beta else difference - beta / 2
    losses = box_losses(logits, offsets, labels, torch.zeros(3, 4), beta=beta)
    assert losses["loss_box_reg"].item() == pytest.approx(expected / 3)
    assert losses["loss_classifier"].item() == pytest.approx(math.log(3))


def test_another_beta_changes_only_the_loss_of_boxes() -> None:
    losses = []
    for options in ({}, {"box_beta": 1.0}):
        network = narrow("maskrcnn").train()
        configure(network, options)
        torch.manual_seed(1)
        losses.append(network(*scenes()))
    assert {name for name in losses[0] if losses[0][name] != losses[1][name]} == {"loss_box_reg"}


# ------------------------------------------------------------------------------------------------------------------ HTC


def test_the_semantic_branch_can_resize_its_maps_before_it_convolves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "CHANNELS", 8)
    branch = semantic.SemanticBranch(4).double()
    nn.init.normal_(branch.laterals[0][0].bias)  # type: ignore[index]
    maps = {
        name: torch.randn(2, 8, side, side, dtype=torch.float64, requires_grad=True)
        for name, side in zip(("0", "1", "2", "3", "pool"), (16, 8, 4, 2, 1), strict=True)
    }
    configure(branch, {"semantic_resize": "before"})
    logits, features = branch(maps)
    total = torch.zeros(2, 8, 8, 8, dtype=torch.float64)
    for layer, level in zip(branch.laterals, maps.values(), strict=True):
        resized = functional.interpolate(level, size=(8, 8), mode="bilinear", align_corners=True)
        weight, bias = layer[0].weight, layer[0].bias  # type: ignore[index]
        total = total + torch.clamp(
            torch.einsum("oc,nchw->nohw", weight[:, :, 0, 0], resized) + bias[:, None, None], min=0
        )
    hidden = branch.convolutions(total)
    torch.testing.assert_close(features, branch.embedding(hidden))
    torch.testing.assert_close(logits, branch.logits(hidden))
    inputs = list(maps.values())
    ours = torch.autograd.grad(features.sin().sum(), inputs, retain_graph=True)
    torch.testing.assert_close(ours, torch.autograd.grad(branch.embedding(hidden).sin().sum(), inputs))
    configure(branch, {"semantic_resize": "after"})
    assert not torch.allclose(branch(maps)[1], features)


def test_the_semantic_branch_can_learn_the_first_pixel_of_a_cell() -> None:
    losses = []
    for value in ("middle", "first"):
        network = narrow("htc").train()
        configure(network, {"semantic_labels": value})
        torch.manual_seed(1)
        losses.append(network(*scenes()))
    assert {name for name in losses[0] if losses[0][name] != losses[1][name]} == {"loss_semantic"}


# ----------------------------------------------------------------------------------------------------------- SSDLite320


def ssdlite(classes: int, size: int = SIZE, **options: Any) -> Network:
    torch.manual_seed(0)
    network = ssdlite320.build(backbones.build("mobilenet_v2", 5), classes, size=size)
    configure(network, options)
    return network


@pytest.mark.parametrize(
    ("classes", "largest"),
    [(20, (120, 180, 220, 260, 300, 320)), (80, (90, 135, 180, 225, 270, 315))],
    ids=["voc", "coco"],
)
def test_the_released_default_boxes(classes: int, largest: tuple[int, ...]) -> None:
    """For each cell: a square of the map's side, one of the mean of it and the largest, and the ratios 2 and 3."""
    network = ssdlite(classes, 320, default_boxes="released").eval()
    maps = list(network.backbone(torch.zeros(1, 3, 320, 320)).values())
    images, _ = network.transform([torch.zeros(3, 320, 320)])
    (found,) = network.anchor_generator(images, maps)
    expected = []
    sides, strides = (45, 90, 135, 180, 225, 270), (16, 32, 64, 120, 160, 320)
    for cells, side, large, stride in zip((20, 10, 5, 3, 2, 1), sides, largest, strides, strict=True):
        ratios = (2, 3) if classes == 20 or cells > 1 else (2,)
        for row, column in itertools.product(range(cells), repeat=2):
            x, y, square = (column + 0.5) * stride, (row + 0.5) * stride, math.sqrt(side * large)
            shapes = [(side, side), (square, square)]
            for ratio in ratios:
                long, short = side * math.sqrt(ratio), side / math.sqrt(ratio)
                shapes += [(long, short), (short, long)]
            for width, height in shapes:
                width, height = min(width, 320), min(height, 320)
                expected.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-3)


def test_the_focal_loss_of_ssd_by_its_formula() -> None:
    """5 * alpha_t (1 - p_t)^2 * -log p_t of all boxes and classes, over the boxes with an object; the last unused."""
    network = ssdlite(2, class_loss="focal").double()
    logits = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    offsets = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    anchors = [torch.tensor([[0.0, 0, 8, 8], [8, 8, 24, 24], [4, 4, 20, 12]], dtype=torch.float64)] * 2
    boxes = torch.tensor([[2.0, 1, 9, 7], [10, 6, 20, 30]], dtype=torch.float64)
    targets = [
        {"boxes": boxes, "labels": torch.tensor([2, 1])},
        {"boxes": boxes[:0], "labels": torch.zeros(0, dtype=torch.int64)},
    ]
    matches = [torch.tensor([0, 1, -1]), torch.tensor([-1, -1, -1])]
    losses = network.compute_loss(targets, {"cls_logits": logits, "bbox_regression": offsets}, anchors, matches)
    truth = torch.zeros(2, 3, 3, dtype=torch.float64)
    truth[0, 0, 1] = truth[0, 1, 0] = 1  # label 2 is the second logit
    p = 1 / (1 + torch.exp(-logits))
    positive, negative = -0.25 * (1 - p) ** 2 * torch.log(p), -0.75 * p**2 * torch.log(1 - p)
    focal = 5 * (truth * positive + (1 - truth) * negative).sum() / 2
    torch.testing.assert_close(losses["classification"], focal)
    total = torch.zeros((), dtype=torch.float64)
    for index in range(2):
        box, default = boxes[index], anchors[0][index]
        size, of_default = box[2:] - box[:2], default[2:] - default[:2]
        centre = 10 * ((box[:2] + box[2:]) / 2 - (default[:2] + default[2:]) / 2) / of_default
        encoded = torch.cat([centre, 5 * torch.log(size / of_default)])
        away = (offsets[0, index] - encoded).abs()
        total = total + torch.where(away < 1, away**2 / 2, away - 0.5).sum()
    torch.testing.assert_close(losses["bbox_regression"], total / 2)
    inputs = (logits, offsets)
    ours = torch.autograd.grad(losses["classification"] + losses["bbox_regression"], inputs, retain_graph=True)
    torch.testing.assert_close(ours, torch.autograd.grad(focal + total / 2, inputs))


def test_with_the_focal_loss_every_class_begins_at_one_in_a_hundred() -> None:
    network = ssdlite(3, class_loss="focal").eval()
    maps = list(network.backbone(torch.zeros(1, 3, SIZE, SIZE)).values())
    scores = network.head([0 * value for value in maps])["cls_logits"].sigmoid()
    assert scores.mean().item() == pytest.approx(0.01, rel=0.2)
    assert not len(network([torch.rand(3, SIZE, SIZE)])[0]["scores"])


def test_with_the_focal_loss_a_detection_has_the_label_after_its_logit() -> None:
    network = ssdlite(3, class_loss="focal").eval()
    logits = torch.full((1, 4, 4), -9.0)
    logits[0, 0, 0], logits[0, 1, 2], logits[0, 2, 3] = 2.0, 1.0, 5.0  # labels 1 and 3; the last logit is unused
    anchors = torch.tensor([[0.0, 0, 10, 10], [20, 20, 40, 40], [30, 0, 60, 30], [0, 30, 9, 60]])
    outputs = {"cls_logits": logits, "bbox_regression": torch.zeros(1, 4, 4)}
    (found,) = network.postprocess_detections(outputs, [anchors], [(64, 64)])
    assert found["labels"].tolist() == [1, 3]
    torch.testing.assert_close(found["boxes"], anchors[:2])
    torch.testing.assert_close(found["scores"], torch.tensor([2.0, 1.0]).sigmoid())


def test_ssd_with_all_options_learns_and_accepts_images_without_objects() -> None:
    network = ssdlite(3, default_boxes="released", class_loss="focal").train()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    sums: list[float] = []
    for _ in range(25):
        loss = torch.stack(list(network(*scenes()).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.append(loss.item())
    assert sum(sums[-3:]) < 0.5 * sum(sums[:3])
    empty: dict[str, Tensor] = network(scenes()[0][:1], [target([], [])])
    assert all(loss.isfinite() for loss in empty.values())


def test_without_options_a_network_is_as_before() -> None:
    network = narrow("htc")
    before = {path: value.clone() for path, value in network.state_dict().items()}
    configure(network, {})
    assert all(torch.equal(value, before[path]) for path, value in network.state_dict().items())
