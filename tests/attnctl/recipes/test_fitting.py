"""A recipe's field that would be without effect is refused when a sweep is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl.grid import Axes, expand

EXAMPLE = Path(__file__).parents[3] / "examples" / "focal.py"
DETECTOR: dict[str, Any] = {"models": ("ssdlite320",), "datasets": ("digits-det",)}
MAPS: dict[str, Any] = {"models": ("deeplabv3",), "datasets": ("digits-seg",)}


@pytest.mark.parametrize(
    ("around", "field", "value", "words"),
    [
        ({}, "augment", "mosaic", "augment mosaic does not fit digits; choose one of none, shift, crop-flip"),
        ({}, "norms", "frozen", "norms=frozen does not apply to the task classify"),
        ({}, "min_sizes", "480+800", "does not apply to the task classify"),
        (DETECTOR, "augment", "crop-flip", "the task detect; choose one of none, shift, flip, flip-shift, ssd, mosaic"),
        (DETECTOR, "mixup", "0.2", "mixup=0.2 does not apply to the task detect"),
        (DETECTOR, "label_smoothing", "0.1", "does not apply to the task detect"),
        (DETECTOR, "loss", f"{EXAMPLE}:Focal", "loss=focal:Focal does not apply to the task detect"),
        (MAPS, "loss", f"{EXAMPLE}:Focal", "loss=focal:Focal does not apply to the task segment"),
        (MAPS, "augment", "ssd", "the task segment; choose one of none, flip, seg"),
        (MAPS, "max_size", "800", "does not apply to the task segment"),
        (MAPS, "weight_init", "fan-in", "weight_init=fan-in does not apply to the task segment"),
        ({}, "backbone_lr", "0.1", "backbone_lr=0.1 does not apply to the task classify"),
        ({}, "eval_resize", "bicubic", "eval_resize=bicubic does not apply to digits"),
        ({}, "head_init", "released", "head_init=released does not apply to a classifier, only to cascade_maskrcnn, "),
        (MAPS, "class_loss", "focal", "class_loss=focal does not apply to deeplabv3, only to ssdlite320"),
        (DETECTOR, "box_beta", "1", "box_beta=1 does not apply to ssdlite320, only to fasterrcnn, maskrcnn, "),
    ],
)
def test_a_field_of_another_task_is_refused(around: dict[str, Any], field: str, value: str, words: str) -> None:
    found = expand(Axes(modules=("none",), overrides={field: (value,)}, **around))
    assert not found.specs
    (cell,) = found.invalid
    assert words in cell.reason


def test_recipes_that_fit_a_task_are_accepted() -> None:
    assert expand(Axes(modules=("none",), overrides={"norms": ("sync",)})).specs
    assert expand(Axes(modules=("none",), overrides={"augment": ("ssd",), "norms": ("frozen",)}, **DETECTOR)).specs
    assert expand(Axes(modules=("none",), overrides={"label_smoothing": ("0.1",)}, **MAPS)).specs
    assert expand(
        Axes(modules=("none",), overrides={"head_init": ("released",), "backbone_lr": ("0.1",)}, **MAPS)
    ).specs
    assert expand(Axes(modules=("none",), overrides={"class_loss": ("focal",)}, **DETECTOR)).specs
    assert expand(Axes(modules=("none",), overrides={"weight_init": ("fan-in",)})).specs


MULTIPLES = "with sides that are multiples of"


@pytest.mark.parametrize(
    ("backbone", "size", "takes", "given", "usable"),
    [
        ("vit_b_16", 100, f"32x32, {MULTIPLES} 16", "100x100", 112),
        ("vit_b_32", 0, f"64x64, {MULTIPLES} 32", "32x32", 64),
        ("maxvit_t", 0, f"224x224, {MULTIPLES} 224", "32x32", 224),
        ("convnext_tiny", 28, "32x32", "28x28", 32),
        ("vgg16_bn", 31, "32x32", "31x31", 32),
    ],
)
def test_images_that_a_backbone_cannot_take_are_refused_with_the_next_size(
    backbone: str, size: int, takes: str, given: str, usable: int
) -> None:
    overrides = {"input_size": (str(size),)} if size else {}
    found = expand(Axes(modules=("none",), backbones=(backbone,), overrides=overrides))
    assert not found.specs
    (cell,) = found.invalid
    assert cell.reason == f"{backbone} takes images of at least {takes}, not {given}; use --input-size {usable}"


@pytest.mark.parametrize(
    ("backbone", "size"), [("vit_b_16", "48"), ("convnext_tiny", "33"), ("swin_t", "4"), ("regnet_x_400mf", "8")]
)
def test_images_that_a_backbone_takes_are_planned(backbone: str, size: str) -> None:
    (spec,) = expand(Axes(modules=("se",), backbones=(backbone,), overrides={"input_size": (size,)})).specs
    assert spec.recipe.input_size == int(size)
