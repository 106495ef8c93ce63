"""A published number beside ours: agrees, differs, not settled, not compared, not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.reports import published
from attnctl.reports.selection import ALL
from attnctl.reports.verdict.cells import CellVerdict, Finding, judge_cell
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import cells, families, request, specs, table, train

EAN2 = table("ean:2")
SE = next(row for row in EAN2.rows if row.name == "ResNet50+SE")  # 78.54 is printed
TOP1 = next(column for column in EAN2.columns if column.key == "top1")


def judged(folder: Path, *values: float, margin: float = 0.3, **overrides: str) -> CellVerdict:
    """The verdict on a cell whose seeds have these values."""
    workspace = Workspace(folder)
    seeds = [str(seed) for seed in range(len(values))]
    for spec, value in zip(specs(EAN2, SE.name, seeds, **overrides), values, strict=True):
        train(workspace, spec, value)
    items = cells(EAN2, (), seeds or ("0",), **overrides)
    chosen = published.runs_of(EAN2, items, families(workspace, items), ALL, asked=True)
    found = judge_cell(SE, TOP1, chosen[SE.name, "top1"], "last", margin)
    assert found is not None
    return found


def test_a_cell_agrees_when_its_interval_lies_within_the_margin(tmp_path: Path) -> None:
    found = judged(tmp_path, 78.50, 78.54, 78.58)
    assert (found.finding, found.published, found.more) == (Finding.AGREES, 78.54, None)
    assert found.interval == pytest.approx((78.4406, 78.6394), abs=1e-3)
    assert found.measured is not None
    assert found.measured.n == 3
    assert len(found.runs) == 3


def test_the_margin_decides(tmp_path: Path) -> None:
    assert judged(tmp_path, 78.50, 78.54, 78.58, margin=0.09).finding is Finding.NOT_SETTLED
    assert judged(tmp_path, 78.50, 78.54, 78.58, margin=0.1).finding is Finding.AGREES


def test_a_cell_differs_when_its_interval_lies_outside(tmp_path: Path) -> None:
    assert judged(tmp_path, 76.0, 76.1, 76.2).finding is Finding.DIFFERS


def test_a_cell_whose_interval_crosses_the_margin_says_how_many_seeds_would_settle_it(tmp_path: Path) -> None:
    found = judged(tmp_path, 78.2, 78.5, 78.8)  # spread 0.3: t(n-1) * 0.3 / sqrt(n) must be at most 0.3 - 0.04
    assert found.finding is Finding.NOT_SETTLED
    assert found.more == 5  # 8 seeds: 2.365 * 0.3 / 2.828 = 0.251; with 7 it is 0.277


def test_a_single_seed_settles_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path, 50.0)
    assert (found.finding, found.interval, found.more) == (Finding.NOT_SETTLED, None, None)


def test_equal_seeds_have_no_interval_and_settle_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path, 78.54, 78.54, 78.54)
    assert (found.finding, found.interval, found.more) == (Finding.NOT_SETTLED, None, None)


def test_numbers_of_another_data_set_are_not_compared(tmp_path: Path) -> None:
    found = judged(tmp_path, 78.54, 78.54, dataset="digits")
    assert (found.finding, found.elsewhere) == (Finding.NOT_COMPARED, "dataset=digits")
    assert found.measured is not None
    assert found.measured.mean == 78.54


def test_another_recipe_on_the_papers_data_set_is_compared(tmp_path: Path) -> None:
    overridden = judged(tmp_path, 60.0, 60.1, recipe="cifar")
    assert (overridden.finding, overridden.elsewhere) == (Finding.DIFFERS, "")


def test_a_cell_without_numbers_says_what_its_runs_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    request(workspace, specs(EAN2, SE.name)[0])
    items = cells(EAN2)
    chosen = published.runs_of(EAN2, items, families(workspace, items), ALL, asked=True)
    found = judge_cell(SE, TOP1, chosen[SE.name, "top1"], "last", 0.3)
    assert found is not None
    assert (found.finding, found.state) == (Finding.NOT_RUN, "submitting")


def test_a_cell_in_which_nothing_is_printed_has_no_verdict() -> None:
    an3 = table("an:3")
    row = an3.rows[0]
    ap50 = next(column for column in an3.columns if column.key == "ap50")
    assert judge_cell(row, ap50, None, "last", 0.3) is None
