"""The rows of models.toml: what they go with, and the runs, networks and counts that come of them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from attnctl import backbones, datasets, models, papers, recipes
from attnctl.grid import Axes, expand
from attnctl.networks import channels, surgery
from attnctl.networks.complexity import parameters
from attnctl.papers import audit
from attnctl.spec import RunSpec
from attnctl.values import SpecError


def one(**axes: Any) -> RunSpec:
    wanted: dict[str, Any] = {
        "modules": ("none",),
        "models": ("yolof",),
        "backbones": ("resnet18",),
        "datasets": ("digits-det",),
    }
    expansion = expand(Axes(**{**wanted, **axes}))
    assert not expansion.invalid, expansion.invalid
    (spec,) = expansion.specs
    return spec


def refused(**axes: Any) -> str:
    wanted: dict[str, Any] = {
        "modules": ("none",),
        "models": ("yolof",),
        "backbones": ("resnet18",),
        "datasets": ("digits-det",),
    }
    expansion = expand(Axes(**{**wanted, **axes}))
    assert not expansion.specs
    return expansion.invalid[0].reason


@pytest.mark.parametrize("name", models.names())
def test_every_row_lists_the_valid_choices(name: str) -> None:
    model = models.describe(name)
    assert set(model.backbones) <= {*backbones.names(), "resnet34"}
    for dataset, recipe in model.recipes.items():
        assert model.task in datasets.describe(dataset).tasks
        assert recipe in recipes.names()
        fitting = expand(Axes(modules=("none",), models=(name,), datasets=(dataset,)))
        assert [(spec.model, spec.backbone) for spec in fitting.specs] == [(name, model.backbones[0])], fitting.invalid
        assert fitting.specs[0].recipe == recipes.resolve(recipe, {})


def test_a_model_is_part_of_the_id_and_a_classifier_has_none() -> None:
    spec = one()
    document = json.loads(spec.canonical())
    assert (document["model"], document["versions"]["model"]) == ("yolof", 1)
    plain = expand(Axes(modules=("none",))).specs[0]
    assert "model" not in plain.canonical()
    assert dataclasses.replace(spec, model="fasterrcnn").id != spec.id
    newer = dataclasses.replace(spec, versions=dataclasses.replace(spec.versions, model=2))
    assert (newer.id != spec.id, newer.family == spec.family) == (True, True)
    assert RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_spec_without_a_model_is_read_as_a_classifier() -> None:
    plain = expand(Axes(modules=("none",))).specs[0]
    document = plain.to_json()
    del document["model"], document["versions"]["model"]
    assert RunSpec.from_json(document) == plain


def test_models_are_an_axis() -> None:
    specs = expand(
        Axes(modules=("none", "se"), models=("yolof", "fasterrcnn"), backbones=("resnet18",), datasets=("digits-det",))
    ).specs
    assert [(spec.module, spec.model) for spec in specs] == [
        (module, model) for module in ("none", "se") for model in ("yolof", "fasterrcnn")
    ]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"backbones": ("resnet20",)}, "yolof does not work with resnet20; choose one of resnet50, resnet18"),
        ({"datasets": ("digits",)}, "yolof is for the task detect, digits for classify; data sets that fit: coco"),
        ({"models": ("",)}, "a classifier is for the task classify, digits-det for detect, instance"),
        ({"models": ("deeplabv3",)}, "data sets that fit: digits-seg, voc12-seg; models that fit digits-det"),
        ({"datasets": ("voc07",)}, "yolof has no recipe for voc07, only for coco, digits-det; name one with --recipe"),
        ({"modules": ("se",), "placements": ("neck",)}, "yolof itself has encoder"),
        ({"modules": ("an",), "placements": ("encoder",)}, "an replaces norm layers, but placement encoder"),
        (
            {"modules": ("nam",), "hyperparameters": {"gates": ("spatial",)}},
            "nam gates=spatial works for maps of one size; yolof has images of many sizes",
        ),
    ],
)
def test_an_invalid_combination_is_an_error_with_the_valid_choices(axes: dict[str, Any], words: str) -> None:
    assert words in refused(**axes)


def test_an_unknown_model_has_a_nearest_one() -> None:
    with pytest.raises(SpecError, match="unknown model 'yolo'; did you mean 'yolof'"):
        expand(Axes(modules=("none",), models=("yolo",)))


@pytest.mark.parametrize(("name", "backbone"), [("yolof", "resnet18"), ("yolox_nano", "cspdarknet_nano")])
def test_the_models_own_placements_match_the_network(name: str, backbone: str) -> None:
    found = channels.of_model(name, backbone)
    assert sorted(found) == sorted(models.describe(name).placements)
    for place, paths in found.items():
        assert models.channels_by_path(name, backbone, place) == paths
        assert models.channels(name, backbone, place) == tuple(paths.values())


@pytest.mark.parametrize("placement", ["encoder", "block"])
def test_a_module_is_put_into_the_model_or_into_its_backbone(placement: str) -> None:
    spec = one(modules=("ela",), placements=(placement,))
    plain = surgery.build(one())
    with torch.device("meta"):
        network = surgery.build(spec)
    attended = [path for path, part in network.named_modules() if isinstance(part, surgery.Attended)]
    if placement == "encoder":
        assert attended == list(models.channels_by_path("yolof", "resnet18", "encoder"))
    else:
        assert len(attended) == 8
        assert all(path.startswith(network.body_prefix) for path in attended)
    names = {name.replace(".part.", ".") for name in network.state_dict() if ".attention." not in name}
    assert names == set(plain.state_dict())


@pytest.mark.parametrize(
    ("model", "dataset", "placement"),
    [("yolof", "digits-det", "encoder"), ("fasterrcnn", "digits-det", "block"), ("deeplabv3", "digits-seg", "conv2")],
)
def test_nams_channel_gate_works_on_the_maps_of_any_image(model: str, dataset: str, placement: str) -> None:
    backbone = models.describe(model).backbones[0] if model == "deeplabv3" else "resnet18"
    axes = {"models": (model,), "datasets": (dataset,), "backbones": (backbone,), "placements": (placement,)}
    spec = one(modules=("nam",), **axes)
    with torch.device("meta"):
        plain, network = surgery.build(one(**axes)), surgery.build(spec)
    widths = models.channels(model, backbone, placement)
    count = sum(value.numel() for value in network.parameters()) - sum(value.numel() for value in plain.parameters())
    assert count == 2 * sum(widths)


def test_fca_pools_maps_of_other_sizes_and_works_in_a_detector() -> None:
    spec = one(modules=("fca",), placements=("block",))
    with torch.device("meta"):
        assert sum(isinstance(part, surgery.Attended) for part in surgery.build(spec).modules()) == 8


def test_no_command_needs_torch_to_plan_a_detector() -> None:
    program = """
import sys
from attnctl.grid import Axes, expand
for model, place in (("yolof", "encoder"), ("maskrcnn", "block"), ("yolox_nano", "neck")):
    assert expand(Axes(modules=("ela",), models=(model,), datasets=("digits-det",), placements=(place,))).specs
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


STUDIED = [
    ("2", "ResNet-50 BN", 45_711_413),
    ("2", "ResNet-50 GN", 45_715_509),
    ("2", "ResNet-50 AN", 45_909_801),
    ("2", "ResNet-50 AN, AN head", 45_957_989),
    ("2", "ResNet-101 BN", 64_703_541),
    ("2", "ResNet-101 AN", 65_155_025),
    ("2", "ResNet-101 AN, AN head", 65_203_213),
    ("3", "Cascade Mask-RCNN ResNet-101", 96_317_505),
    ("3", "Cascade Mask-RCNN ResNet-101+AN", 96_768_989),
    ("3", "HTC ResNet-101", 99_316_984),
    ("3", "HTC ResNet-101+AN", 99_768_468),
]
"""Of AN's tables, which print no parameters: those of its authors' read-me."""


@pytest.mark.parametrize(("table", "name", "count"), STUDIED)
def test_the_rows_of_ans_tables_are_the_networks_of_its_authors(table: str, name: str, count: int) -> None:
    (row,) = [row for row in papers.load("an").tables[table].rows if row.name == name]
    (what,) = audit.cells(row.setup)
    assert parameters(what, keep=False) == count


def test_the_norms_of_the_heads_in_ans_table_are_switchable_in_its_row() -> None:
    (row,) = [row for row in papers.load("an").tables["2"].rows if row.name == "ResNet-50 SN"]
    (what,) = audit.cells(row.setup)
    (bn,) = [row for row in papers.load("an").tables["2"].rows if row.name == "ResNet-50 BN"]
    plain = parameters(audit.cells(bn.setup)[0], keep=False)
    # 4 weights of the mixture in each of the backbone's 53 norms; the 16 convolutions of the pyramid and of both heads
    # have a norm of 256 channels in the place of an offset
    assert parameters(what, keep=False) - plain == 53 * 4 + 16 * (2 * 256 + 4 - 256)
