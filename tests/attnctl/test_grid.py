"""From a request to its runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.grid import Axes, effective_hyperparameters, expand, warn_frozen_untrained_norms
from attnctl.spec import RunSpec
from attnctl.values import SpecError


def labels(**axes: Any) -> list[str]:
    return [spec.label() for spec in expand(Axes(**axes)).specs]


def test_the_grid_is_the_product_of_every_axis() -> None:
    expansion = expand(
        Axes(
            modules=("none", "ela", "se"),
            hyperparameters={"kernel": ("5", "7"), "r": ("8", "16")},
            backbones=("resnet18", "resnet20"),
            seeds=("0", "1", "2"),
            overrides={"lr": ("0.1", "0.05")},
        )
    )
    assert expansion.invalid == []
    assert len(expansion.specs) == (1 + 2 + 2) * 2 * 3 * 2
    assert len({spec.id for spec in expansion.specs}) == len(expansion.specs)


@given(
    kernels=st.lists(st.sampled_from(["3", "5", "7", "9"]), min_size=1, unique=True),
    seeds=st.lists(st.integers(0, 9).map(str), min_size=1, unique=True),
    placements=st.just(("block",)),
)
def test_each_run_occurs_once_in_the_order_of_the_axes(
    kernels: list[str], seeds: list[str], placements: tuple[str, ...]
) -> None:
    axes = Axes(modules=("ela",), hyperparameters={"kernel": tuple(kernels)}, seeds=tuple(seeds), placements=placements)
    cells = [(str(dict(spec.hyperparameters)["kernel"]), str(spec.seed)) for spec in expand(axes).specs]
    assert cells == [(kernel, seed) for kernel in kernels for seed in seeds]


def test_a_hyperparameter_applies_to_the_modules_that_have_it() -> None:
    assert labels(modules=("none", "ela", "se"), hyperparameters={"kernel": ("5",)}) == [
        "none",
        "ela groups=c kernel=5 num_groups=16 shared=true",
        "se bias=false r=16",
    ]


def test_an_addressed_hyperparameter_applies_only_to_its_module() -> None:
    found = labels(
        modules=("ela", "se"),
        hyperparameters={"kernel": ("9",)},
        addressed={("ela", "kernel"): ("3",), ("se", "r"): ("8",)},
    )
    assert found == ["ela groups=c kernel=3 num_groups=16 shared=true", "se bias=false r=8"]


def test_the_plain_backbone_is_one_run_for_all_placements_and_hyperparameters() -> None:
    assert len(labels(modules=("none",), placements=("block",))) == 1


def test_two_names_of_one_network_are_one_run() -> None:
    assert len(labels(modules=("ela",), hyperparameters={"variant": ("none", "b")})) == 1


def test_an_impossible_cell_is_listed_with_its_reason_beside_the_others() -> None:
    expansion = expand(Axes(modules=("ela", "se"), hyperparameters={"kernel": ("4", "5"), "r": ("17", "16")}))
    assert len(expansion.specs) == 2
    assert [cell.reason for cell in expansion.invalid] == [
        "ela kernel=4 does not work: kernel must be odd, from 1 to 63",
        "se r=17 min_channels=0 does not work at 16 channels: r must not exceed the channels",
    ]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"modules": ("elaa",)}, "unknown module 'elaa'; did you mean 'ela'"),
        ({"modules": ()}, "module has no value"),
        ({"modules": ("ela", "ela")}, "module has ela twice"),
        ({"hyperparameters": {"r": ("8",)}}, "no module of ela has a hyperparameter 'r'"),
        ({"hyperparameters": {"kernel": ("5", "5")}}, "kernel has 5 twice"),
        ({"hyperparameters": {"kernel": ("five",)}}, "ela kernel is five; it must be a whole number"),
        ({"hyperparameters": {"kernel": ("",)}}, "ela kernel is empty; it must be a whole number"),
        ({"addressed": {("se", "r"): ("8",)}}, "-p se.r: module 'se' is not in this sweep"),
        ({"addressed": {("ela", "r"): ("8",)}}, "-p ela.r: ela has no hyperparameter 'r'"),
        ({"backbones": ("resnet19",)}, "unknown backbone 'resnet19'; did you mean"),
        ({"datasets": ("digit",)}, "unknown dataset 'digit'; did you mean 'digits'"),
        ({"placements": ("blok",)}, "unknown placement 'blok'; did you mean 'block'"),
        ({"seeds": ("-1",)}, "seed is -1"),
        ({"seeds": ("x",)}, "seed is x"),
        ({"recipe": "cifr"}, "unknown recipe 'cifr'; did you mean 'cifar'"),
        ({"overrides": {"lr": ("-1",)}}, "lr is -1; it must be above 0"),
        ({"overrides": {"learning": ("1",)}}, "unknown recipe field 'learning'"),
    ],
)
def test_an_invalid_request_is_reported_with_the_valid_choices(axes: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as raised:
        expand(Axes(**{"modules": ("ela",), **axes}))
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"overrides": {"batch": ("6400",)}}, "batch 6400 is larger than the 1437 training images of digits"),
        ({"overrides": {"norm_batch": ("33",)}}, "norm_batch 33 does not divide batch 64"),
        (
            {"overrides": {"augment": ("imagenet",)}},
            "augment imagenet does not fit digits; choose one of none, shift, crop-flip",
        ),
        ({"hyperparameters": {"groups": ("c/8",)}, "backbones": ("mobilenet_v2",)}, None),
        ({"hyperparameters": {"groups": ("5",)}}, "ela groups=5 does not work at 16 channels"),
    ],
)
def test_a_cell_that_does_not_fit_its_backbone_or_data_has_a_reason(axes: dict[str, Any], words: str | None) -> None:
    reasons = [cell.reason for cell in expand(Axes(**{"modules": ("ela",), **axes})).invalid]
    assert reasons == [] if words is None else reasons[0].startswith(words)


def test_a_small_batch_without_norm_batch_is_one_forward() -> None:
    (spec,) = expand(Axes(modules=("none",), overrides={"batch": ("8",)})).specs
    assert (spec.recipe.batch, spec.recipe.norm_batch) == (8, 8)


def test_a_value_that_contains_a_comma_is_not_split() -> None:
    axes = Axes(modules=("sn",), hyperparameters={"norms": ("in", "ln", "bn", "in", "ln")}, placements=("norms",))
    place = {cell.reason for cell in expand(axes).invalid}
    assert {dict(spec.hyperparameters)["norms"] for spec in expand(axes).specs} == {"in,ln", "bn,in,ln"}, place
    axes = Axes(modules=("sn",), addressed={("sn", "norms"): ("in", "ln")}, placements=("norms",))
    assert [dict(spec.hyperparameters)["norms"] for spec in expand(axes).specs] == ["in,ln"]
    with pytest.raises(SpecError, match=r"sn norms is in; it must be one of bn,in,ln, in,ln"):
        expand(Axes(modules=("sn",), hyperparameters={"norms": ("in",)}, placements=("norms",)))


def test_values_whose_effective_value_differs_are_reported() -> None:
    (spec,) = expand(Axes(modules=("ela",), hyperparameters={"num_groups": ("24",)}, backbones=("resnet20",))).specs
    assert effective_hyperparameters(spec) == ["ela num_groups=24 is 8 at 16, 32, 64 channels"]
    (spec,) = expand(Axes(modules=("none",))).specs
    assert effective_hyperparameters(spec) == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, True),
        ({"init": "file:0"}, False),
        ({"overrides": {"norms": ("batch",)}}, False),
        ({"models": ("yolox_nano",), "datasets": ("voc07",)}, False),
    ],
)
def test_frozen_norms_without_pretrained_weights_cause_a_warning(more: dict[str, Any], told: bool) -> None:
    asked: dict[str, Any] = {"modules": ("none",), "models": ("yolof",), "datasets": ("coco",), **more}
    (spec,) = expand(Axes(**asked)).specs
    assert bool(warn_frozen_untrained_norms(spec)) == told
    assert not told or "the norms of yolof resnet50 are frozen" in warn_frozen_untrained_norms(spec)


@pytest.mark.parametrize(
    ("module", "option", "neutral", "other"),
    [
        ("ean", "form", "paper", "released"),
        ("srm", "form", "paper", "released"),
        ("gc", "form", "paper", "released"),
        ("sn", "form", "paper", "released"),
        ("an", "start", "default", "released"),
    ],
)
def test_only_a_form_other_than_the_papers_is_part_of_a_run(module: str, option: str, neutral: str, other: str) -> None:
    def spec(**values: tuple[str, ...]) -> RunSpec:
        placement = "norm2" if module in {"an", "sn"} else "block"
        axes = Axes(modules=(module,), placements=(placement,), hyperparameters=values)
        (only,) = expand(axes).specs
        return only

    assert spec().id == spec(**{option: (neutral,)}).id
    assert option not in dict(spec().hyperparameters)
    assert dict(spec(**{option: (other,)}).hyperparameters)[option] == other
