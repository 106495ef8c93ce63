"""The rounds of a Bayesian search, from the run folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.sweep_records import record
from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.cli.sweeping.search_options import SearchOptions
from attnctl.cli.sweeping.search_rounds import Rounds, of_sweep
from attnctl.cli.sweeping.selection import Selection
from attnctl.grid import Axes
from attnctl.search.bayes import ROUND
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import train

AXES = Axes(modules=("se",), overrides={"lr": ("log:1e-3..1e-1",)})


def rounds(folder: Path, method: str = "bayes", samples: int = 7) -> Rounds:
    options = SearchOptions(samples=samples, search=method)  # type: ignore[arg-type]
    request, search = options.request(AXES, "mine")
    return Rounds(
        workspace=Workspace(folder),
        request=request,
        typed="se",
        search=search,
        skip_invalid=False,
        initial=InitOptions(),
        name="mine",
    )


def recorded(folder: Path, found: Selection) -> None:
    record(Workspace(folder), "mine", "se", [spec.id for spec in found.specs], ["sweep"], search=found.search)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, in which the command stands."""
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "attnctl.toml").write_text("")
    return tmp_path


def test_a_round_follows_from_the_results_in_the_folders(folder: Path) -> None:
    search = rounds(folder)
    assert of_sweep(search.workspace, "mine") == []
    first = search.selection()
    assert len(first.specs) == ROUND
    assert "5 of 7 trainings are chosen; type the same command when they have ended" in first.summary
    recorded(folder, first)
    for spec in first.specs[1:]:
        train(search.workspace, spec, 100 * spec.recipe.lr)
    assert search.following(first) is None, "one sample has no result yet"
    train(search.workspace, first.specs[0], 0.0, outcome="diverged")
    second = search.following(first)
    assert second is not None
    assert [spec.id for spec in second.specs[:ROUND]] == [spec.id for spec in first.specs]
    assert len(second.specs) == 7
    assert "are chosen" not in second.summary
    assert rounds(folder).selection().specs == second.specs, "typed again before it was recorded, it is the same"
    recorded(folder, second)
    for spec in second.specs[ROUND:]:
        train(search.workspace, spec, 5.0)
    assert search.following(second) is None


def test_a_search_by_chance_has_one_round(folder: Path) -> None:
    search = rounds(folder, "random")
    first = search.selection()
    assert len(first.specs) == 7
    assert search.following(first) is None


def test_a_grid_has_no_results(folder: Path) -> None:
    record(Workspace(folder), "grid", "se", ["a"], ["sweep"])
    assert of_sweep(Workspace(folder), "grid") == []
