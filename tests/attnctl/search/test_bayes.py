"""Bayesian search: rounds that follow from the results of those before."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from attnctl.grid import Axes, Expansion
from attnctl.search.bayes import ROUND, check_installed, samples
from attnctl.search.results import Result
from attnctl.search.samples import samples as random_samples
from attnctl.search.samples import search_of
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.records import Search

pytest.importorskip("optuna")

LR = ("log:1e-4..1",)
AXES = Axes(modules=("se", "ela"), addressed={("ela", "kernel"): ("int:3..31",)}, overrides={"lr": LR})


def good(spec: RunSpec) -> float | None:
    """Best at a rate of 0.01."""
    return 100 - 10 * math.sqrt(abs(spec.recipe.lr / 0.01 - 1))


def results(
    specs: Sequence[RunSpec], value: Callable[[RunSpec], float | None] = good, waiting: Sequence[str] = ()
) -> list[Result]:
    """The results of these runs."""
    return [Result(spec, value(spec) if spec.id not in waiting else None, spec.id not in waiting) for spec in specs]


def counts(expansion: Expansion) -> Counter[str]:
    return Counter(spec.module for spec in expansion.specs)


def search(axes: Axes = AXES, count: int = 12, seed: int = 0) -> Search:
    return search_of(axes, "bayes", count, seed)


def test_the_first_round_is_that_of_a_random_search() -> None:
    first = samples(AXES, search(), [])
    assert first.specs == random_samples(AXES, search_of(AXES, "random", ROUND, 0)).specs


def test_the_next_round_follows_when_all_samples_of_a_module_have_ended() -> None:
    first = samples(AXES, search(), [])
    last = next(spec.id for spec in reversed(first.specs) if spec.module == "ela")
    partly = samples(AXES, search(), results(first.specs, waiting=[last]))
    assert counts(partly) == {"se": 2 * ROUND, "ela": ROUND}
    second = samples(AXES, search(), results(first.specs))
    assert counts(second) == {"se": 2 * ROUND, "ela": 2 * ROUND}
    third = samples(AXES, search(), results(second.specs))
    assert counts(third) == {"se": 12, "ela": 12}, "equal budgets, and no more than asked for"
    assert samples(AXES, search(), results(third.specs)).specs == third.specs
    assert {spec.id for spec in first.specs} <= {spec.id for spec in second.specs} <= {spec.id for spec in third.specs}


def test_the_same_results_give_the_same_samples_and_others_give_others() -> None:
    first = samples(AXES, search(), []).specs
    second = samples(AXES, search(), results(first)).specs
    assert samples(AXES, search(), results(first)).specs == second
    other = samples(AXES, search(), results(first, lambda spec: -spec.recipe.lr)).specs
    assert {spec.id for spec in other} != {spec.id for spec in second}


def test_a_round_that_was_recorded_in_part_is_completed_alike() -> None:
    axes = Axes(modules=("se",), overrides={"lr": LR})
    asked = search(axes)
    first = samples(axes, asked, []).specs
    second = samples(axes, asked, results(first)).specs
    for kept in range(ROUND, 2 * ROUND):
        found = samples(axes, asked, results(second[:kept])).specs
        assert found == second
    assert samples(axes, asked, results(first[:2])).specs == first


def test_later_samples_are_near_the_best_ones() -> None:
    axes = Axes(modules=("se",), overrides={"lr": LR})
    asked = search(axes, 30)
    specs: list[RunSpec] = []
    while len(found := samples(axes, asked, results(specs)).specs) > len(specs):
        specs = found
    assert len(specs) == 30
    near = [0.002 < spec.recipe.lr < 0.05 for spec in specs]
    assert sum(near[-15:]) > 7, "of a uniform choice these are a third"


def test_samples_that_diverged_and_choices_and_options_are_taken() -> None:
    axes = Axes(
        modules=("se",),
        overrides={"lr": LR, "optimizer": ("sgd", "adamw"), "loss": ("focal",), "loss.gamma": ("1", "2.0")},
    )
    asked = search(axes)
    first = samples(axes, asked, []).specs
    found = samples(axes, asked, results(first, lambda spec: None if spec.recipe.lr > 0.1 else good(spec))).specs
    assert len(found) == 2 * ROUND


def test_a_small_space_is_used_up() -> None:
    axes = Axes(modules=("ela",), hyperparameters={"kernel": ("int:3..17",)})
    asked = search(axes, 8)
    first = samples(axes, asked, []).specs
    second = samples(axes, asked, results(first, lambda spec: 1.0)).specs
    assert sorted(dict(spec.hyperparameters)["kernel"] for spec in second) == [3, 5, 7, 9, 11, 13, 15, 17]  # type: ignore[type-var]


def test_what_cannot_be_has_its_reason() -> None:
    axes = Axes(modules=("se", "an"), overrides={"lr": LR})
    expansion = samples(axes, search(axes), [])
    assert counts(expansion) == {"se": ROUND}
    assert "replaces norm layers" in expansion.invalid[0].reason


def test_options_of_users_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Loss:\n    def __init__(self, *, gamma: float = 2.0) -> None: ...\n")
    overrides = {"loss": (f"{tmp_path}/mine.py:Loss",), "loss.gamma": ("uniform:0..3",)}
    axes = Axes(modules=("se",), overrides=overrides)
    with pytest.raises(SpecError, match=r"--search bayes cannot choose loss\.gamma of your own code"):
        samples(axes, search(axes), [])


def test_a_missing_optuna_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"--search bayes needs optuna: pip install 'attnctl\[search\]'"):
        check_installed()
