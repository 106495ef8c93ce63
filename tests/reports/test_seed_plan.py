"""How many seeds the comparisons of a report need."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest

from attnctl.reports import comparison, published, seed_plan
from attnctl.reports.seed_plan import Need, metric_of, needs
from attnctl.reports.statistics.needed import seeds_for_gap, seeds_for_width
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.reports.report_rows import rows
from tests.reports.report_workspace import cells, families, specs, train
from tests.reports.report_workspace import table as named

PLAIN, ELA, SE = [90.0, 90.8, 90.3], [90.6, 91.1, 91.2], [90.1, 90.8, 90.4]
SEEDS = ("0", "1", "2")


def planned(half_width: float = 0.2, gap: float | None = None) -> list[Need]:
    report = comparison.build(rows([*PLAIN, *ELA, *SE], ("none", "ela", "se"), SEEDS))
    return needs(report, "top1", half_width, gap)


def test_a_row_is_planned_by_its_paired_differences() -> None:
    ela = planned()[0]
    differences = [ours - theirs for ours, theirs in zip(ELA, PLAIN, strict=True)]
    assert (ela.name, ela.kind, ela.seeds) == ("ela", "paired", 3)
    assert ela.spread == pytest.approx(statistics.stdev(ELA))
    assert ela.correlation == pytest.approx(np.corrcoef(ELA, PLAIN)[0, 1])
    assert ela.deviation == pytest.approx(statistics.stdev(differences))
    assert ela.for_width == seeds_for_width(ela.deviation, 0.2)
    assert ela.for_gap == seeds_for_gap(statistics.fmean(differences), ela.deviation, 8)  # 4 comparisons: marks from 8
    assert [len(side) for side in ela.runs] == [3, 3]
    assert ela.new(10) == (7, 7)


def test_a_given_gap_takes_the_place_of_the_measured_ones() -> None:
    found = planned(gap=0.5)
    assert [need.for_gap for need in found] == [seeds_for_gap(0.5, need.deviation, 8) for need in found]


def test_rows_that_share_no_seeds_are_planned_as_uncorrelated() -> None:
    made = [*rows(PLAIN, ("none",), SEEDS), *rows(ELA, ("ela",), ("5", "6", "7"))]
    (need,) = needs(comparison.build(made), "top1", 0.2, None)
    assert (need.kind, need.correlation) == ("unpaired", None)
    assert need.deviation == pytest.approx(np.hypot(statistics.stdev(PLAIN), statistics.stdev(ELA)))


def test_a_published_number_is_a_single_value_and_labelled_so(tmp_path: Path) -> None:
    workspace, ean2 = Workspace(tmp_path), named("ean:2")
    for spec, value in zip(specs(ean2, "ResNet50+SE", SEEDS), (78.0, 78.1, 78.4), strict=True):
        train(workspace, spec, value)
    items = cells(ean2, (), SEEDS)
    report = published.build(ean2, items, families(workspace, items))
    (need,) = needs(report, "top1", 0.2, None)
    assert (need.kind, need.name) == ("one-sample", "ResNet50+SE")
    assert need.gap.mean == pytest.approx(statistics.fmean((78.0, 78.1, 78.4)) - 78.54)
    assert need.for_gap == seeds_for_gap(need.gap.mean, statistics.stdev((78.0, 78.1, 78.4)))
    shown = seed_plan.table([need], "t", 0.2, {"ResNet50+SE": 0.5}, by_width=False, unit="GPU-hours")
    assert shown.groups[0].title.endswith(": against the published number (one-sample)")
    assert any(note.startswith("one-sample:") for note in shown.notes)
    cells_of_row = dict(zip([column.name for column in shown.columns], shown.groups[0].rows[0].cells, strict=True))
    assert need.for_gap is not None
    assert cells_of_row["runs"].value == need.for_gap - 3
    assert cells_of_row["hours"].value == (need.for_gap - 3) * 0.5


def test_equal_differences_cannot_be_planned() -> None:
    report = comparison.build(rows([90.0, 91.0, 90.5, 91.5], ("none", "ela"), ("0", "1")))
    (need,) = needs(report, "top1", 0.2, None)
    assert (need.for_width, need.for_gap) == (None, None)
    shown = seed_plan.table([need], "t", 0.2, {}, by_width=False, unit="GPU-hours")
    assert [cell.printed for cell in shown.groups[0].rows[0].cells[4:6]] == ["unknown", "unknown"]


def test_a_baseline_that_does_not_vary_has_no_correlation_and_a_note_says_why() -> None:
    report = comparison.build(rows([99.0, 99.0, 99.0, *ELA], ("none", "ela"), SEEDS))
    (need,) = needs(report, "top1", 0.2, None)
    assert (need.kind, need.correlation) == ("paired", None)
    shown = seed_plan.table([need], "t", 0.2, {}, by_width=False, unit="GPU-hours")
    assert shown.groups[0].rows[0].cells[2].printed == "-"
    assert any(note.startswith("A row with - has no correlation") for note in shown.notes)
    known = seed_plan.table(planned(), "t", 0.2, {}, by_width=False, unit="GPU-hours")
    assert not any(note.startswith("A row with -") for note in known.notes)


def test_the_column_can_be_named() -> None:
    report = comparison.build(rows(PLAIN, ("none",), SEEDS))
    assert metric_of(report, None) == "top1"
    assert metric_of(report, "top5") == "top5"
    with pytest.raises(SpecError, match="no such trained column: 'top6'; did you mean"):
        metric_of(report, "top6")
