"""Successive halving: rungs that follow from the results of those below."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from attnctl import recipes
from attnctl.grid import Axes
from attnctl.search.due import has_all, is_due
from attnctl.search.halving import check, samples, shortened
from attnctl.search.results import Result
from attnctl.search.samples import search_of
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.records import Search

AXES = Axes(
    modules=("se", "ela"),
    addressed={("ela", "kernel"): ("int:3..31",)},
    overrides={"lr": ("log:1e-4..1",), "epochs": ("9",)},
    seeds=("0", "1"),
)


def search(axes: Axes = AXES, count: int = 9, factor: int = 3) -> Search:
    return search_of(axes, "random", count, 0, factor)


def results(specs: Sequence[RunSpec], **more: bool) -> list[Result]:
    """The best one is the smallest learning rate; of each sample one result."""
    return [Result(spec, -spec.recipe.lr, ended=True, **more) for spec in specs if spec.seed == 0]


def lengths(specs: Sequence[RunSpec], module: str) -> Counter[int]:
    return Counter(spec.recipe.epochs for spec in specs if spec.module == module and spec.seed == 0)


@pytest.mark.parametrize(
    ("count", "factor", "rungs"),
    [
        (27, 3, ((27, 9), (9, 3), (3, 1))),
        (20, 3, ((20, 3), (7, 1))),
        (4, 2, ((4, 2), (2, 1))),
        (8, 3, ((8, 1),)),
        (8, 0, ((8, 1),)),
    ],
)
def test_the_rungs_follow_from_the_number_of_samples(
    count: int, factor: int, rungs: tuple[tuple[int, int], ...]
) -> None:
    found = Search(method="random", samples=count, seed=0, ranges={}, halving=factor)
    assert found.rungs == rungs
    assert found.trainings == sum(number for number, _ in rungs)


def test_all_modules_climb_the_same_rungs_and_the_best_of_each_stay() -> None:
    first = samples(AXES, search(), []).specs
    assert lengths(first, "se") == lengths(first, "ela") == {3: 9}
    second = samples(AXES, search(), results(first)).specs
    assert lengths(second, "se") == lengths(second, "ela") == {3: 9, 9: 3}
    for module in ("se", "ela"):
        rates = sorted({spec.recipe.lr for spec in first if spec.module == module})
        stayed = {spec.recipe.lr for spec in second if spec.module == module and spec.recipe.epochs == 9}
        assert stayed == set(rates[:3])
    assert {spec.seed for spec in second} == {0, 1}
    assert samples(AXES, search(), results(second)).specs == second, "the last rung is the end"


def test_the_lower_value_can_be_the_better_one() -> None:
    first = samples(AXES, search(), []).specs
    second = samples(AXES, search(), results(first, lower=True)).specs
    rates = sorted({spec.recipe.lr for spec in first if spec.module == "se"})
    assert {spec.recipe.lr for spec in second if spec.recipe.epochs == 9 and spec.module == "se"} == set(rates[-3:])


def test_a_module_waits_for_all_of_its_samples_and_for_no_other_module() -> None:
    first = samples(AXES, search(), []).specs
    known = results(first)
    waiting = next(at for at, result in enumerate(known) if result.spec.module == "ela")
    for partly in (
        [*known[:waiting], *known[waiting + 1 :]],
        [*known[:waiting], dataclasses.replace(known[waiting], value=None, ended=False), *known[waiting + 1 :]],
    ):
        found = samples(AXES, search(), partly).specs
        assert lengths(found, "se") == {3: 9, 9: 3}
        assert lengths(found, "ela") == {3: 9}


def test_a_sample_that_diverged_does_not_stay() -> None:
    first = samples(AXES, search(), []).specs
    best = min(spec.recipe.lr for spec in first)
    known = [
        dataclasses.replace(result, value=None) if result.spec.recipe.lr == best else result
        for result in results(first)
    ]
    second = samples(AXES, search(), known).specs
    assert best not in {spec.recipe.lr for spec in second if spec.recipe.epochs == 9}


def test_the_schedule_is_shortened_with_the_training() -> None:
    recipe = dataclasses.replace(
        recipes.resolve("digits", {"epochs": 90, "schedule": "multistep", "milestones": "30+60"}), warmup_epochs=5.0
    )
    short = shortened(recipe, 9)
    assert (short.epochs, short.milestones, short.warmup_epochs) == (10, "3+7", 0.5556)
    assert shortened(recipe, 1) is recipe
    steps = recipes.resolve("digits", {"steps": 90, "warmup_steps": 9, "warmup_epochs": 0})
    assert (shortened(steps, 3).steps, shortened(steps, 3).warmup_steps, shortened(steps, 3).epochs) == (30, 3, 0)
    by_step = recipes.resolve("digits", {"epochs": 90, "schedule": "step", "step_epochs": 30})
    assert shortened(by_step, 9).step_epochs == 3


def test_a_training_that_is_too_short_is_refused() -> None:
    axes = dataclasses.replace(AXES, overrides={**AXES.overrides, "epochs": ("2",)})
    with pytest.raises(SpecError, match="--halving trains the first rung for 1/3 of 2 epochs; train longer, or"):
        samples(axes, search(axes), [])


def test_there_must_be_something_to_halve() -> None:
    check(AXES, search())
    with pytest.raises(SpecError, match="--halving 3 needs --samples 9 or more"):
        check(AXES, search(count=8))
    axes = dataclasses.replace(AXES, overrides={**AXES.overrides, "epochs": ("int:3..9",)})
    with pytest.raises(SpecError, match="--halving shortens trainings of one length; give --epochs one value"):
        check(axes, search(axes))


def test_what_nothing_is_searched_of_is_trained_in_full() -> None:
    axes = Axes(modules=("none", "ela"), hyperparameters={"kernel": ("int:3..31",)}, overrides={"epochs": ("9",)})
    specs = samples(axes, search(axes), []).specs
    assert lengths(specs, "none") == {9: 1}
    assert lengths(specs, "ela") == {3: 9}


def asynchronous(axes: Axes = AXES) -> Search:
    return dataclasses.replace(search(axes), asynchronous=True)


def test_a_sample_goes_on_while_others_of_its_rung_train() -> None:
    first = samples(AXES, asynchronous(), []).specs
    known = [result for result in results(first) if result.spec.module == "se"]
    assert samples(AXES, asynchronous(), known[:2]).specs == first, "a third of two is less than one"
    second = samples(AXES, asynchronous(), known[:3]).specs
    assert lengths(second, "se") == {3: 9, 9: 1}
    (promoted,) = {spec.recipe.lr for spec in second if spec.recipe.epochs == 9}
    assert promoted == min(result.spec.recipe.lr for result in known[:3])


def test_a_sample_that_was_chosen_stays_when_better_ones_end_later() -> None:
    first = samples(AXES, asynchronous(), []).specs
    known = sorted(
        (result for result in results(first) if result.spec.module == "se"), key=lambda result: -result.spec.recipe.lr
    )
    second = samples(AXES, asynchronous(), known[:3]).specs
    new = [spec for spec in second if spec not in first]
    recorded = [spec.id for spec in new]
    for outcomes in (known[:4], [*known[:4], Result(new[0], None, ended=False)]):
        found = samples(AXES, asynchronous(), outcomes, recorded).specs
        assert found == second, "the place is taken, with a result or without"
    third = samples(AXES, asynchronous(), known[:6], recorded).specs
    assert {spec.recipe.lr for spec in third if spec.recipe.epochs == 9} == {
        known[2].spec.recipe.lr,
        known[5].spec.recipe.lr,
    }


def test_a_sample_without_a_value_goes_on_only_when_all_have_ended() -> None:
    first = samples(AXES, asynchronous(), []).specs
    known = [dataclasses.replace(result, value=None) for result in results(first) if result.spec.module == "se"]
    assert lengths(samples(AXES, asynchronous(), known[:8]).specs, "se") == {3: 9}
    assert lengths(samples(AXES, asynchronous(), known).specs, "se") == {3: 9, 9: 3}


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_trainings_end_each_module_has_the_same_rungs(seed: int) -> None:
    """The same as with rungs that wait. `is_due` is true exactly when there are trainings to choose."""
    axes = dataclasses.replace(AXES, overrides={"lr": ("log:1e-4..1",), "epochs": ("9",)}, seeds=("0",))
    chance = random.Random(seed)
    for wanted in (search(axes, 9), dataclasses.replace(search(axes, 9), asynchronous=True)):
        chosen = list(samples(axes, wanted, []).specs)
        ended: list[Result] = []
        while len(ended) < len(chosen):
            left = [spec for spec in chosen if spec not in [result.spec for result in ended]]
            ended.append(Result(chance.choice(left), chance.random(), ended=True))
            found = samples(axes, wanted, ended, [spec.id for spec in chosen]).specs
            new = [spec for spec in found if spec not in chosen]
            assert len(found) == len(chosen) + len(new), "none is taken back"
            assert is_due(wanted, chosen, {result.spec.id for result in ended}) == bool(new)
            chosen += new
        assert lengths(chosen, "se") == lengths(chosen, "ela") == {3: 9, 9: 3}
        assert has_all(wanted, chosen)
