"""The samples of a search."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from attnctl.grid import Axes
from attnctl.search.sampled import values_of
from attnctl.search.samples import check_no_ranges, samples, search_of
from attnctl.spec import RunSpec
from attnctl.values import SpecError

LR = ("log:1e-3..1e-1",)


def request(*modules: str, **more: Any) -> Axes:
    return Axes(modules=modules, **{"overrides": {"lr": LR}, **more})


def drawn(axes: Axes, count: int, method: str = "random", seed: int = 0) -> list[RunSpec]:
    expansion = samples(axes, search_of(axes, method, count, seed))
    assert expansion.invalid == []
    return expansion.specs


def of(specs: list[RunSpec], module: str) -> list[RunSpec]:
    return [spec for spec in specs if spec.module == module]


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_modules_have_as_many_samples_with_the_same_points_of_the_recipe(method: str) -> None:
    specs = drawn(request("none", "se", "ela", addressed={("ela", "kernel"): ("int:3..15",)}), 12, method)
    rates = {module: [spec.recipe.lr for spec in of(specs, module)] for module in ("none", "se", "ela")}
    assert rates["none"] == rates["se"] == rates["ela"]
    assert len(set(rates["none"])) == 12
    kernels = {dict(spec.hyperparameters)["kernel"] for spec in of(specs, "ela")}
    assert len(kernels) > 1
    assert all(int(str(kernel)) % 2 for kernel in kernels), "even kernels are invalid, and are drawn again"
    assert [spec.module for spec in specs[:3]] == ["none", "se", "ela"], "what is cut off has as many of each"


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_a_search_typed_again_is_the_same_and_a_longer_one_begins_with_it(method: str) -> None:
    axes = request("se", "ela", hyperparameters={"kernel": ("int:3..31",)})
    first = [spec.id for spec in drawn(axes, 8, method)]
    assert [spec.id for spec in drawn(axes, 8, method)] == first
    assert [spec.id for spec in drawn(axes, 12, method)][:16] == first
    assert {spec.id for spec in drawn(axes, 8, method, seed=1)}.isdisjoint(first)


def test_a_module_does_not_change_the_samples_of_another() -> None:
    alone = [spec.id for spec in drawn(request("se"), 5)]
    own = {("ela", "kernel"): ("int:3..15",)}
    assert [spec.id for spec in of(drawn(request("ela", "se", addressed=own), 5), "se")] == alone


def test_comma_lists_are_choices_and_networks_and_seeds_stay_a_grid() -> None:
    axes = request(
        "se", seeds=("0", "1"), backbones=("resnet20", "resnet18"), overrides={"lr": LR, "batch": ("16", "32")}
    )
    specs = drawn(axes, 6)
    assert Counter((spec.backbone, spec.seed) for spec in specs) == {
        (backbone, seed): 6 for backbone in ("resnet20", "resnet18") for seed in (0, 1)
    }
    assert {spec.recipe.batch for spec in specs} == {16, 32}
    points = [
        [(spec.recipe.lr, spec.recipe.batch) for spec in specs if spec.backbone == name] for name in axes.backbones
    ]
    assert points[0] == points[1]


def test_samples_of_few_values_are_all_different() -> None:
    axes = request("ela", overrides={}, hyperparameters={"kernel": ("int:3..11",)})
    assert sorted(values_of(spec, ["kernel"])["kernel"] for spec in drawn(axes, 5)) == [3, 5, 7, 9, 11]  # type: ignore[type-var]
    with pytest.raises(SpecError, match="ela has only 5 different samples of kernel; --samples 6 needs wider ranges"):
        drawn(axes, 6)


def test_what_nothing_is_searched_of_is_trained_once() -> None:
    axes = request("none", "ela", overrides={}, hyperparameters={"kernel": ("int:3..31",)})
    assert Counter(spec.module for spec in drawn(axes, 4)) == {"none": 1, "ela": 4}


def test_a_module_that_cannot_be_is_told_once_with_its_reason() -> None:
    axes = request("se", "an", placements=("block",))
    expansion = samples(axes, search_of(axes, "random", 3, 0))
    assert [spec.module for spec in expansion.specs] == ["se"] * 3
    assert len(expansion.invalid) == 1
    assert "replaces norm layers" in expansion.invalid[0].reason


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        (request("se", overrides={}), "--samples needs a range"),
        (request("se", overrides={"lr": (*LR, "0.1")}), "--lr has a range beside other values"),
        (request("se", overrides={"epochs": LR}), "--epochs takes whole numbers"),
        (request("se", overrides={"optimizer": ("int:1..2",)}), "--optimizer does not take numbers"),
        (request("ela", addressed={("ela", "kernel"): ("uniform:3..9",)}), "-p ela.kernel takes whole numbers"),
        (request("se", hyperparameters={"kernel": ("int:3..9",)}), "no module of se has a hyperparameter 'kernel'"),
        (request("se", overrides={"lrr": LR}), "unknown recipe field 'lrr'"),
    ],
)
def test_an_impossible_search_is_refused(axes: Axes, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        drawn(axes, 3)


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_the_number_of_samples_has_bounds(count: int) -> None:
    with pytest.raises(SpecError, match=f"--samples is {count}; it must be from 1 to 10000"):
        search_of(request("se"), "random", count, 0)


def test_ranges_are_refused_where_lists_are_meant() -> None:
    check_no_ranges(request("se", overrides={"lr": ("0.1", "0.2")}), "add --samples")
    with pytest.raises(SpecError, match=r"--lr is the range log:1e-3\.\.1e-1; add --samples"):
        check_no_ranges(request("se"), "add --samples")
    with pytest.raises(SpecError, match=r"-p ela.kernel is the range int:3\.\.9; add --samples"):
        check_no_ranges(request("ela", overrides={}, addressed={("ela", "kernel"): ("int:3..9",)}), "add --samples")
