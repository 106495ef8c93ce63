"""The rounds of a Bayesian search, from the run folders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl.cli.sweep_records import record
from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.cli.sweeping.search_options import SearchOptions
from attnctl.cli.sweeping.search_rounds import Rounds, of_sweep
from attnctl.cli.sweeping.selection import Selection, of_modules
from attnctl.grid import Axes
from attnctl.search.bayes import ROUND
from attnctl.values import SpecError
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
    assert "5 of 7 trainings are chosen, and the results of these choose the next ones" in first.summary
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


def test_a_job_submits_only_what_nobody_has_submitted(folder: Path) -> None:
    search = rounds(folder)
    first = search.selection()
    recorded(folder, first)
    train(search.workspace, first.specs[0], outcome="error")
    assert list(search.unsubmitted(first).specs) == list(first.specs[1:])


def test_a_job_submits_nothing_of_a_file_that_has_changed_meanwhile(folder: Path) -> None:
    lines = ["import torch", "class Mine(torch.nn.Identity):", "    def __init__(self, channels):"]
    lines += ["        super().__init__()"]
    (folder / "mine.py").write_text("\n".join([*lines, ""]))
    axes = Axes(modules=("./mine.py",), overrides={"lr": ("log:1e-3..1e-1",)})
    request, search = SearchOptions(samples=7, search="bayes").request(axes, "mine")
    of_file = dataclasses.replace(rounds(folder), request=request, search=search, typed="./mine.py")
    first = of_file.selection()
    recorded(folder, first)
    for spec in first.specs:
        train(of_file.workspace, spec, 50.0)
    second = of_file.selection()
    assert len(of_file.unsubmitted(second).specs) == 2
    (folder / "mine.py").write_text("\n".join([*lines, "        self.more = 1", ""]))
    other = of_modules(Axes(modules=("./mine.py",)), "./mine.py", skip_invalid=False)
    with pytest.raises(SpecError, match="a Python file that its trainings use has changed"):
        of_file.unsubmitted(other)
