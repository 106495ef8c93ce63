"""From a request to its runs."""

from __future__ import annotations

import json
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
        ({"placements": ("stem+blok",)}, "unknown placement 'blok'; did you mean 'block'"),
        ({"modules": ("elaa+se",)}, "unknown module 'elaa'; did you mean 'ela'"),
        ({"modules": ("ela+",)}, "unknown module ''"),
        ({"modules": ("ela+ela",)}, "ela+ela has ela twice"),
        ({"modules": ("ela+se",), "addressed": {("sa", "G"): ("8",)}}, "-p sa.G: module 'sa' is not in this sweep"),
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


def specs(*modules: str, **axes: Any) -> list[RunSpec]:
    expansion = expand(Axes(modules=modules, **axes))
    assert not expansion.invalid, expansion.invalid
    return expansion.specs


def test_a_placement_after_a_module_is_that_of_the_option() -> None:
    assert specs("se@stage") == specs("se", placements=("stage",))
    assert specs("se@stem+block", placements=("stage",)) == specs("se", placements=("block+stem",))


def test_modules_at_the_same_places_are_named_once() -> None:
    (spec,) = specs("ean+se", addressed={("ean", "G"): ("4",)}, hyperparameters={"r": ("8",)})
    assert (spec.module, spec.placement, spec.versions.module) == ("ean+se", "block", "1+1")
    assert spec.label() == "ean+se ean.G=4 ean.shared=true se.bias=false se.r=8"
    assert [spec] == specs("ean@block+se", addressed={("ean", "G"): ("4",), ("se", "r"): ("8",)})
    assert [spec] == specs("ean@block+se@block", addressed={("ean", "G"): ("4",)}, hyperparameters={"r": ("8",)})
    assert RunSpec.from_json(json.loads(spec.canonical())) == spec
    assert {spec.id for spec in specs("ean+se", "se+ean", "ean", "se")} == {
        spec.id for name in ("ean+se", "se+ean", "ean", "se") for spec in specs(name)
    }


def test_modules_at_several_places_name_them() -> None:
    (spec,) = specs("an@norm2+se@stage+block")
    assert (spec.module, spec.placement) == ("an@norm2+se@block+stage", "")
    assert [(part.module, part.placement, part.versions.module) for part in spec.components] == [
        ("an", "norm2", "1"),
        ("se", "block+stage", "1"),
    ]
    assert [part.hyperparameters for part in spec.components][1] == (("bias", False), ("r", 16))
    assert [spec] == specs("an@norm2+se", placements=("block+stage",))


def test_every_value_of_a_modules_hyperparameter_is_a_run() -> None:
    found = specs("ean+se", addressed={("ean", "G"): ("8", "4"), ("se", "r"): ("4", "8")})
    assert [[value for name, value in spec.hyperparameters if name in {"ean.G", "se.r"}] for spec in found] == [
        [8, 4],
        [8, 8],
        [4, 4],
        [4, 8],
    ]


@pytest.mark.parametrize(
    ("module", "axes", "reason"),
    [
        ("an@norm2+gn@norms", {"addressed": {("gn", "num_groups"): ("8",)}}, "an and gn both replace layer1.0.bn2"),
        ("an+se", {}, "an replaces norm layers, but placement block inserts after blocks"),
        ("ean+se@blok", {}, "backbone resnet20 has no placement 'blok'"),
        ("se", {"placements": ("stage+stage",)}, "placement stage+stage names the same places twice"),
        ("se", {"placements": ("norm2+stage",)}, "norm2 replaces parts, stage inserts after parts"),
    ],
)
def test_what_cannot_be_combined_is_refused_with_the_reason(module: str, axes: dict[str, Any], reason: str) -> None:
    (cell,) = expand(Axes(modules=(module,), **axes)).invalid
    assert reason in cell.reason


def test_places_of_a_model_and_of_its_backbone_are_combined_by_two_modules() -> None:
    around: dict[str, Any] = {"models": ("yolof",), "backbones": ("resnet18",), "datasets": ("digits-det",)}
    (cell,) = expand(Axes(modules=("se",), placements=("encoder+block",), **around)).invalid
    assert cell.reason == "placement encoder+block combines places of yolof itself with block of its backbone"
    (spec,) = specs("se@encoder+ean@block", **around)
    assert spec.module == "se@encoder+ean@block"
