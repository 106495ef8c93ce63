"""YOLOX-Nano: the published counts, the official weights' names, its losses and its detections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.ops import box_iou

from attnctl import backbones
from attnctl.jobs.training import initial
from attnctl.models.yolox_nano import build, paired_iou
from attnctl.networks import surgery
from attnctl.networks.weights.match import Plain
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.attnctl.models.rectangles import Network

NAMES = Path(__file__).with_name("yolox_nano_names.txt")
"""The convolutions and the norms' scales of the official file for COCO, with their shapes."""

ROWS = [
    # ELA, tables 3 and 7, with 20 classes at 640x640
    ("none", {}, 900_459, 1_204_556_800),
    ("ca", {"r": 16, "min_channels": 1, "bias": False}, 947_459, 1_206_604_800),
    ("ca", {"r": 24, "min_channels": 1, "bias": False}, 929_737, None),
    ("ca", {"r": 32, "min_channels": 1, "bias": False}, 923_959, None),
    ("ca_gn", {"r": 16}, 948_235, None),
    ("ca_gn", {"r": 24}, 934_375, None),
    ("ca_gn", {"r": 32, "min_channels": 1}, 923_959, None),
    ("se", {"r": 16}, 931_691, 1_204_588_032),
    ("cbam", {"r": 32, "bias": False, "bn": False}, 916_761, 1_206_391_232),
    ("eca", {}, 900_492, None),
    ("sa", {"G": 8}, 900_915, None),
    ("ela", {"kernel": 5, "groups": "c"}, 908_971, 1_205_017_600),
]


@pytest.mark.parametrize(("module", "values", "parameters", "macs"), ROWS)
def test_it_has_the_published_counts(module: str, values: dict[str, Any], parameters: int, macs: int | None) -> None:
    network: Network = build(backbones.build("cspdarknet_nano", 20), 20, size=64)
    if module != "none":
        surgery.attach(network, module, "neck", size=64, **values)
    network.transform.min_size = (640,)
    if macs is None:
        assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    else:
        assert surgery.complexity(network, (3, 640, 640)) == (parameters, macs)


def test_the_seven_places_are_outputs_of_the_backbone_and_concatenations_of_the_neck() -> None:
    network = build(backbones.build("cspdarknet_nano", 20), 20)
    place = backbones.family_places("yolox_nano")["neck"]
    assert list(surgery.measure(network, place, 640).values()) == [
        (64, 80, 80), (128, 40, 40), (256, 20, 20), (256, 40, 40), (128, 80, 80), (128, 40, 40), (256, 20, 20),
    ]  # fmt: skip


# ----------------------------------------------------------------------------------------------- official weights


def official() -> dict[str, Any]:
    """A file's content in the official form, of random numbers: name -> tensor under "model", beside other things."""
    torch.manual_seed(1)
    weights = {}
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        name, _, shape = line.partition(" ")
        weights[name] = torch.randn([int(side) for side in shape.split("x")])
        if name.endswith(".bn.weight"):
            norm = name.removesuffix("weight")
            channels = len(weights[name])
            weights |= {f"{norm}bias": torch.randn(channels), f"{norm}running_mean": torch.randn(channels)}
            weights |= {f"{norm}running_var": torch.rand(channels), f"{norm}num_batches_tracked": torch.tensor(9)}
        elif "_preds." in name and name.endswith("weight"):
            weights[name.removesuffix("weight") + "bias"] = torch.randn(len(weights[name]))
    return {"start_epoch": 300, "model": weights, "optimizer": {"state": {}, "param_groups": [{"lr": 0.01}]}}


def plain(classes: int) -> Callable[[], Plain]:
    """What tells the parts of a network for so many classes apart."""
    return lambda: Plain.of(build(backbones.build("cspdarknet_nano", 10), classes + 1))


def saved(tmp_path: Path, document: dict[str, Any]) -> Workspace:
    path = Workspace(tmp_path).weights("abc")
    path.parent.mkdir(parents=True)
    torch.save(document, path)
    return Workspace(tmp_path)


def test_its_names_and_shapes_are_the_official_ones() -> None:
    network = build(backbones.build("cspdarknet_nano", 80), 80)
    network.load_state_dict(official()["model"])
    assert sum(parameter.numel() for parameter in network.parameters()) == 912_159  # 0.91M in the paper's table 5


def test_the_official_weights_load_unchanged(tmp_path: Path) -> None:
    network = build(backbones.build("cspdarknet_nano", 80), 80)
    document = official()
    loaded = initial.load(network, "file:abc", saved(tmp_path, document), plain(80))
    assert (loaded.missing, loaded.unexpected, loaded.reshaped) == ([], [], [])
    own = network.state_dict()
    assert all(torch.equal(own[name], value) for name, value in document["model"].items())


def test_all_other_weights_load_from_the_official_file_with_attention_and_other_classes(tmp_path: Path) -> None:
    network = build(backbones.build("cspdarknet_nano", 20), 20, size=64)
    surgery.attach(network, "ela", "neck", size=64)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    document = official()
    loaded = initial.load(network, "file:abc", saved(tmp_path, document), plain(20))
    heads = {f"head.cls_preds.{level}.{part}" for level in range(3) for part in ("weight", "bias")}
    assert set(loaded.reshaped) == heads
    assert loaded.unexpected == []
    assert all(".attention." in name for name in loaded.missing)
    own = network.state_dict()
    assert all(torch.equal(own[name], start[name]) for name in heads)
    name = "backbone.backbone.dark5.2.conv3.conv.weight"
    assert torch.equal(own[name], document["model"][name])


def test_a_body_with_attention_in_its_stages_is_supported_too(tmp_path: Path) -> None:
    body = surgery.attach(backbones.build("cspdarknet_nano", 20), "se", "stage", size=64)
    network = build(body, 80, size=64)
    document = official()
    loaded = initial.load(network, "file:abc", saved(tmp_path, document), plain(80))
    assert (loaded.unexpected, loaded.reshaped) == ([], [])
    name = "dark3.1.m.2.conv2.dconv.conv.weight"
    found = network.state_dict()["backbone.backbone.dark3.part.1.m.2.conv2.dconv.conv.weight"]
    assert torch.equal(found, document["model"][f"backbone.backbone.{name}"])


# ------------------------------------------------------------------------------------------------ losses, detections


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build(backbones.build("cspdarknet_nano", 3), 3, size=64)


def test_it_sees_blue_green_red_from_0_to_255(network: Network) -> None:
    seen: list[torch.Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    image = torch.tensor([1.0, 0.5, 0.0])[:, None, None].expand(3, 64, 64)
    with torch.inference_mode():
        network.eval()([image])
    assert seen[0][0, :, 5, 5].tolist() == [0, 127.5, 255]


def test_the_initial_probability_of_objects_is_low(network: Network) -> None:
    with torch.inference_mode():
        assert len(network.eval()([torch.rand(3, 64, 64)])[0]["boxes"]) == 0


def test_the_losses_are_those_of_the_points_that_simota_chose(network: Network) -> None:
    """One box, whose points all say it: the losses written out."""
    box = torch.tensor([[16.0, 16, 48, 48]])
    with torch.inference_mode():
        points = network.head(network.backbone(torch.zeros(1, 3, 64, 64)))[3]
    count = len(points.strides)
    assert count == 8 * 8 + 4 * 4 + 2 * 2
    predicted = points.encode(box.expand(count, 4))[None]
    classes, objectness = torch.zeros(1, count, 3), torch.zeros(1, count)
    network.l1 = True
    found = network._losses(classes, objectness, predicted, points, [(box, torch.tensor([2]))])
    log2 = torch.tensor(2.0).log()
    chosen = round(float(count * log2 / found["loss_objectness"]))
    assert chosen in {9, 10}  # of the 12 around its centre as many as the ten best overlaps, about 1 each, say
    torch.testing.assert_close(found["loss_objectness"], count * log2 / chosen)
    torch.testing.assert_close(found["loss_classifier"], 3 * log2)
    torch.testing.assert_close(found["loss_box_reg"], torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(found["loss_l1"], torch.tensor(0.0), atol=1e-5, rtol=0)
    predicted[..., 0] += 0.5  # of its stride to the right
    found = network._losses(classes, objectness, predicted, points, [(box, torch.tensor([2]))])
    assert found["loss_l1"].item() == pytest.approx(0.5)


def test_detections_of_one_class_that_overlap_by_more_than_0_65_are_one(network: Network) -> None:
    """Shifted by s, boxes 100 wide overlap by (100 - s) / (100 + s): 21 gives 0.653, 22 gives 0.639."""
    left = torch.tensor([0.0, 21, 200, 222, 0])
    boxes = torch.stack((left, torch.zeros(5), left + 100, torch.full((5,), 50.0)), 1)
    classes = torch.full((5, 3), -9.0)
    classes[:4, 1] = torch.tensor([3.0, 2, 2.5, 1])
    classes[4, 2] = 2.8  # another class at the first one's place
    found = network.detect(classes, torch.full((5,), 9.0), boxes, torch.zeros(3, 80, 600), 0.5)
    assert found["labels"].tolist() == [2, 3, 2, 2]
    assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
    # in the image's pixels, cut at its edge
    assert found["boxes"].tolist() == [[0, 0, 200, 80], [0, 0, 200, 80], [400, 0, 600, 80], [444, 0, 600, 80]]


def test_a_detection_has_at_least_a_hundredth(network: Network) -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.0099, 0.0101])
    classes = torch.full((2, 3), -50.0)
    classes[:, 0] = torch.logit(scores)
    found = network.detect(classes, torch.full((2,), 50.0), boxes, torch.zeros(3, 50, 50), 1.0)
    assert found["boxes"].tolist() == [[20, 20, 30, 30]]


def test_paired_overlaps_are_torchvisions() -> None:
    torch.manual_seed(0)
    corners = torch.rand(2, 50, 2) * 20
    first, second = torch.cat((corners, corners + torch.rand(2, 50, 2) * 20), 2)
    torch.testing.assert_close(paired_iou(first, second), box_iou(first, second).diagonal())


def test_a_file_of_something_else_is_refused(tmp_path: Path, network: Network) -> None:
    with pytest.raises(SpecError, match="no tensor of file:abc fits this network"):
        initial.load(network, "file:abc", saved(tmp_path, {"model": {"conv9.weight": torch.zeros(1)}}), plain(3))
