"""The table of a search."""

from __future__ import annotations

from dataclasses import replace

from attnctl.db import RunRow
from attnctl.reports.report import Report
from attnctl.reports.search_ranking import build
from attnctl.reports.search_samples import modules_of
from attnctl.reports.selection import ALL, Options
from attnctl.reports.terminal import render
from attnctl.search.halving import shortened
from attnctl.workspace.records import Search
from tests.reports.report_rows import of_specs
from tests.reports.search_cases import axes, case, searched


def made(search: Search, rows: list[RunRow], tested: tuple[float, ...] = (), options: Options = ALL) -> Report:
    modules = modules_of(search, rows, options.epoch)
    winners = [module.winner.on_all_images for module in modules if module.winner is not None]
    on_all = {spec.family: [row] for spec, row in zip(winners, of_specs(winners[: len(tested)], tested), strict=False)}
    return build(search, modules, on_all, {row.id: 0.5 for row in rows}, "Search s", options)


def cells(report: Report, column: str) -> dict[str, float | None]:
    at = [item.name for item in report.table.columns].index(column)
    return {name: row.cells[at].value for name, row in report.rows()}


def test_only_the_winner_of_each_module_has_a_test_figure() -> None:
    search, rows = case((60, 71, 80, 70), "se", "ela")
    report = made(search, rows, (55.0, 56.0))
    assert cells(report, "top1") == {"se/1": 80, "se/2": 60, "ela/1": 71, "ela/2": 70}
    assert cells(report, "top1.test") == {"se/1": 55, "se/2": None, "ela/1": 56, "ela/2": None}
    assert report.table.headers == ("rank", "lr", "ela.kernel")
    assert [row.header[0] for _, row in report.rows()] == ["1", "2", "1", "2"]
    assert report.warnings == ()
    assert report.printed is not None
    assert [column.name for column in report.printed.columns] == ["top1", "top1.test", "steps", "hours"]


def test_the_report_says_the_budget_of_each_module() -> None:
    search, rows = case((60, 71, 80, 70), "se", "ela")
    notes = made(search, rows).table.notes
    assert (
        "Budget: se 2 samples, 90 steps, 1 hours of a CPU process; ela 2 samples, 90 steps, 1 hours of a CPU process"
        in notes
    )
    assert "The samples of lr are the same for all modules." in notes
    assert f"Winner of se: lr={rows[2].spec.recipe.lr:g}; 2 of 2 samples ended" in notes
    assert "not trained" in render(made(search, rows).table)


def test_different_budgets_are_told() -> None:
    search, rows = case((60, 71, 80, 70), "se", "ela")
    report = made(search, rows[:3])
    assert report.warnings == ("resnet20 on digits: budgets differ: samples: se 2, ela 1",)
    assert "The samples of lr are not the same for all modules." in report.table.notes
    rows[0].steps = 50
    assert made(search, rows).warnings == ("resnet20 on digits: budgets differ: training steps: se 150, ela 200",)


def test_an_unfinished_search_has_no_winner_and_no_test_figure() -> None:
    search, rows = case((60, None), "se")
    report = made(search, rows)
    assert cells(report, "top1.test") == {"se/1": None, "se/2": None}
    assert f"Best so far of se: lr={rows[0].spec.recipe.lr:g}; 1 of 2 samples ended" in report.table.notes
    assert [row.header[0] for _, row in report.rows()] == ["1", ""]
    search, rows = case((None,), "se")
    assert "se: no result yet; 0 of 1 sample ended" in made(search, rows).table.notes


def test_columns_can_be_chosen() -> None:
    search, rows = case((60, 71), "se")
    report = made(search, rows, options=Options(columns=("top1.measured", "run"), decimals=(("top1", 1),)))
    assert [column.name for column in report.table.columns] == ["top1", "run"]
    assert report.table.columns[0].heading == "held-out top-1 (%)"


def test_rungs_are_told_with_the_length_of_each_training() -> None:
    search, specs = searched(axes("se"), 4, 2)
    short = [replace(spec, recipe=shortened(spec.recipe, 2)) for spec in specs]
    report = made(search, of_specs([*short, specs[1], specs[3]], (10, 90, 20, 80, 60, 70)))
    assert report.table.headers == ("rank", "epochs", "lr")
    assert [row.header[:2] for _, row in report.rows()][:3] == [("1", "8"), ("2", "8"), ("3", "4")]
    notes = report.table.notes
    assert (
        "Halving, the same for each module: 4 for 1/2 of the training, the best 2 for all of the training; each rung "
        "is trained from the start." in notes
    )
    assert f"Winner of se: lr={specs[3].recipe.lr:g}; 6 of 6 trainings ended" in notes
    assert any(note.startswith("Budget: se 6 trainings, 270 steps") for note in notes)
