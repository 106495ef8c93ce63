"""Whether a search has trainings to choose."""

from __future__ import annotations

from attnctl.grid import Axes
from attnctl.search import halving
from attnctl.search.due import has_all, is_due
from attnctl.search.results import Result
from attnctl.search.samples import search_of

AXES = Axes(modules=("se", "none"), seeds=("0", "1"), overrides={"lr": ("log:1e-3..1e-1",), "epochs": ("4",)})


def test_a_module_is_due_when_all_of_its_runs_have_ended_and_it_is_to_have_more() -> None:
    search = search_of(AXES, "random", 4, 0, 2)
    first = halving.samples(AXES, search, ()).specs
    assert len(first) == 16
    own = [spec.id for spec in first if spec.module == "se"]
    assert not is_due(search, first, ())
    assert not is_due(search, first, own[1:]), "a seed of a sample has not ended"
    assert is_due(search, first, own), "whatever the other module does"
    assert not has_all(search, first)
    results = [Result(spec, spec.recipe.lr, ended=True) for spec in first if spec.seed == 0]
    second = halving.samples(AXES, search, results).specs
    assert len(second) == 16 + 8
    assert has_all(search, second)
    assert not is_due(search, second, [spec.id for spec in second])


def test_a_module_of_which_nothing_varies_has_one_training() -> None:
    axes = Axes(modules=("ela", "none"), hyperparameters={"kernel": ("int:3..15",)})
    search = search_of(axes, "bayes", 6, 0)
    (alone,) = (spec for spec in halving.samples(axes, search, ()).specs if spec.module == "none")
    assert has_all(search, [alone])
    assert not is_due(search, [alone], [alone.id])
