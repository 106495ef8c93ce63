"""What --samples makes of a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.sweeping.search_options import SearchOptions
from attnctl.grid import Axes
from attnctl.values import SpecError
from attnctl.workspace.records import Search

AXES = Axes(modules=("se",), overrides={"lr": ("log:1e-3..1e-1",)})


def test_a_search_holds_out_a_tenth_of_the_training_images() -> None:
    axes, search = SearchOptions(samples=20).request(AXES)
    assert axes.overrides["val_split"] == ("0.1",)
    assert search == Search(method="random", samples=20, seed=0, ranges={"lr": "log:0.001..0.1"})


def test_a_validation_split_of_the_command_or_the_recipe_stands(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('base = "digits"\nval_split = 0.3\n')
    options = SearchOptions(samples=2)
    axes, _ = options.request(Axes(modules=("se",), recipe=str(recipe), overrides=AXES.overrides))
    assert axes.overrides["val_split"] == ("0.3",)
    axes, _ = options.request(Axes(modules=("se",), overrides={**AXES.overrides, "val_split": ("0.2",)}))
    assert axes.overrides["val_split"] == ("0.2",)


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (("0",), "a search chooses by held-out training images, not by the test set; --val-split must be above 0"),
        (("0.1", "0.2"), "give --val-split one value"),
        (("1",), "val_split is 1; it must be below 1"),
    ],
)
def test_the_test_set_never_chooses(split: tuple[str, ...], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        SearchOptions(samples=2).request(Axes(modules=("se",), overrides={**AXES.overrides, "val_split": split}))


def test_options_of_a_search_need_samples() -> None:
    with pytest.raises(SpecError, match="--search needs --samples"):
        SearchOptions(search="sobol").request(AXES)
    with pytest.raises(SpecError, match="--search-seed needs --samples"):
        SearchOptions(search_seed=0).request(AXES)
    with pytest.raises(SpecError, match=r"--lr is the range log:1e-3\.\.1e-1; --samples 20 trains 20 samples of it"):
        SearchOptions().request(AXES)


def test_a_papers_table_is_not_searched() -> None:
    SearchOptions().check_paper()
    with pytest.raises(SpecError, match="--samples is for a sweep of modules"):
        SearchOptions(samples=3).check_paper()


def test_a_bayesian_search_continues_a_sweep_by_its_name() -> None:
    pytest.importorskip("optuna")
    options = SearchOptions(samples=20, search="bayes", search_seed=3)
    with pytest.raises(SpecError, match="--search bayes needs --name: each round continues the sweep of that name"):
        options.request(AXES)
    assert options.request(AXES, "mine")[1] == Search(
        method="bayes", samples=20, seed=3, ranges={"lr": "log:0.001..0.1"}
    )


def test_halving_needs_a_name_and_samples_to_halve() -> None:
    with pytest.raises(SpecError, match="--halving needs --name"):
        SearchOptions(samples=9, halving=3).request(AXES)
    with pytest.raises(SpecError, match="--halving needs --samples, the number"):
        SearchOptions(halving=3).request(AXES)
    with pytest.raises(SpecError, match="--halving 3 needs --samples 9 or more"):
        SearchOptions(samples=8, halving=3).request(AXES, "mine")
    search = SearchOptions(samples=9, halving=3).request(AXES, "mine")[1]
    assert search is not None
    assert (search.halving, search.has_rounds, search.asynchronous) == (3, True, False)


def test_asha_is_a_way_of_halving() -> None:
    for options in (SearchOptions(asha=True), SearchOptions(samples=9, asha=True)):
        with pytest.raises(SpecError, match="--asha needs --halving, such as --halving 3"):
            options.request(AXES, "mine")
    with pytest.raises(SpecError, match="--halving is for a sweep of modules"):
        SearchOptions(halving=3, asha=True).check_paper()
    search = SearchOptions(samples=9, halving=3, asha=True).request(AXES, "mine")[1]
    assert search is not None
    assert search.asynchronous


def test_a_bayesian_search_is_not_halved() -> None:
    pytest.importorskip("optuna")
    with pytest.raises(SpecError, match="--halving is for --search random and sobol"):
        SearchOptions(samples=9, search="bayes", halving=3).request(AXES, "mine")
