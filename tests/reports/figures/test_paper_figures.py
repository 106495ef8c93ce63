"""The figures of the papers, from runs: what was measured beside what is printed, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from attnctl import papers
from attnctl.db.rows import RunRow
from attnctl.papers.runs import Overrides, cells_of, figure_cells
from attnctl.reports.figures import paper_figures, save
from attnctl.reports.figures.data import PAGE, PrintStyle
from attnctl.reports.figures.paper_figures import Material, NoResultsYet
from attnctl.spec import RunSpec
from tests.reports.figures.figure_runs import history, of_specs

OURS = Overrides(backbone="resnet20", dataset="digits", fields={"epochs": "1"}, seeds=("0", "1"))


def material(
    name: str,
    number: str,
    value: Callable[[RunSpec], Any],
    overrides: Overrides | None = None,
    **options: Any,
) -> Material:
    """A figure's material. value: the top-1 of a run; None where it is not done."""
    overrides = overrides or Overrides()
    paper = papers.load(name)
    figure = paper.figures[number]
    cells = figure_cells(figure, paper, overrides)
    plain = {}
    for series in figure.settings.get("series", ()):
        row = paper_figures.baseline(paper, series)
        assert row is not None
        table = paper.tables[series["table"]]
        (plain[series["title"]],) = (
            item for item in cells_of(table, overrides, (row.name,)) if series["column"] in item.columns
        )
    specs = dict.fromkeys(spec for item in (*cells, *plain.values()) for spec in item.specs)
    found: dict[str, list[RunRow]] = defaultdict(list)
    for trained in of_specs([spec for spec in specs if value(spec) != "absent"], value):
        found[trained.family].append(trained)
    return Material(
        paper=paper,
        figure=figure,
        cells=cells,
        plain=plain,
        found=found,
        histories=lambda run: history([10, 60, 70, 75]),
        backbone=overrides.backbone,
        **options,
    )


def accuracy(spec: RunSpec) -> float:
    groups = dict(spec.hyperparameters).get("G", -1)
    assert isinstance(groups, int)
    return 80.0 + groups / 100 + spec.seed


def test_eans_groups_are_drawn_per_backbone_beside_printed_values() -> None:
    (chart,) = paper_figures.build(material("ean", "3", accuracy)).panels
    measured = {series.name: series for series in chart.series if not series.published}
    printed = {series.name: series for series in chart.series if series.published}
    assert list(measured) == ["ResNet-50", "MobileNeXt"]
    assert [point.x for point in measured["MobileNeXt"].points] == [1, 2, 4, 8, 16]
    assert measured["ResNet-50"].points[3].y == 80.08
    assert [(point.x, point.y) for point in printed["ResNet-50"].points] == [(64, 79.45)]
    assert [(point.x, point.y) for point in printed["MobileNeXt"].points] == [(16, 60.88)]
    assert {level.name for level in chart.levels} == {"ResNet-50, no attention", "MobileNeXt, no attention"}
    assert (chart.x.log, chart.y.title) == (2, "top-1 (%)")


def test_another_backbone_has_one_series_and_no_printed_values() -> None:
    (chart,) = paper_figures.build(material("ean", "3", accuracy, OURS)).panels
    (series,) = chart.series
    assert (series.name, series.published) == ("ResNet-20", False)
    assert [level.name for level in chart.levels] == ["ResNet-20, no attention"]
    first = series.points[0]
    assert (first.x, first.n) == (1, 2)
    assert first.y == pytest.approx(80.51)
    assert all(point.spread == pytest.approx(0.5**0.5) for point in series.points)


def test_missing_and_impossible_cells_are_noted() -> None:
    half = material("ean", "3", lambda spec: None if dict(spec.hyperparameters).get("G") == 4 else accuracy(spec), OURS)
    missing, barred = paper_figures.unfinished(half)
    assert missing == ["ResNet-50 G=4"]
    assert any("G must divide the channels" in reason for reason in barred)
    scatter = material("ela", "1", lambda spec: "absent")
    missing, barred = paper_figures.unfinished(scatter)
    assert "MobileNetV2" in missing
    assert barred == {}


def test_training_curves_include_epochs_to_each_accuracy_and_the_training_accuracy() -> None:
    made = paper_figures.build(material("ean", "4", lambda spec: None))  # runs that go on are drawn too
    (chart,) = made.panels  # the histories here have no training accuracy
    assert len(chart.series) == 7
    assert chart.targets == (60.0, 70.0, 75.0)
    assert {item.epoch for item in chart.reached if item.target == 75.0} == {4.0}
    both = material("ean", "4", accuracy)
    both = paper_figures.Material(
        **{**vars(both), "histories": lambda run: history([1, 2]) + history([3, 4], "train_top1")}
    )
    assert [panel.y.name for panel in paper_figures.build(both).panels] == ["top1", "train_top1"]


def test_accuracy_against_cost_has_a_panel_for_each_task_measured_or_printed() -> None:
    def value(spec: RunSpec) -> Any:
        return 70.0 if spec.module == "none" and not spec.model else "absent"

    measured, *others = paper_figures.build(material("ela", "1", value)).panels
    assert [panel.title for panel in (measured, *others)] == [
        "Classification on ImageNet",
        "Detection on VOC 2007",
        "Segmentation on VOC 2012 (segmentation)",
    ]
    for panel in others:
        assert all(series.published for series in panel.series)
        assert any(point.front for series in panel.series for point in series.points)
    ours, printed = measured.series
    assert [(point.name, point.front) for point in ours.points] == [("MobileNetV2-1.0", True)]
    assert ours.points[0].x == pytest.approx(0.272)
    assert not any(point.front for point in printed.points)
    assert "" in {point.name for point in printed.points}  # the one that is named where it was measured


def test_the_first_completed_run_of_each_row_is_drawn() -> None:
    found = paper_figures.first_completed(material("an", "2", lambda spec: None if spec.module == "an" else 70.0))
    assert [(row.name, run is None) for row, run in found] == [("ResNet-50-BN", False), ("ResNet-50-AN", True)]


@pytest.mark.parametrize(("name", "number"), [("ean", "3"), ("ean", "4"), ("ela", "1")])
def test_the_papers_own_numbers_alone_are_no_figure(name: str, number: str) -> None:
    made = material(name, number, lambda spec: "absent")
    with pytest.raises(NoResultsYet, match=f"figure {number} of {made.paper.name} has no measured values yet"):
        paper_figures.build(made)


@pytest.mark.parametrize(("name", "number"), [("ean", "3"), ("ean", "4"), ("ela", "1")])
def test_they_can_be_drawn(name: str, number: str) -> None:
    assert save.rendered(
        paper_figures.build(material(name, number, accuracy)), ".svg", PrintStyle(inches=PAGE)
    ).startswith(b"<?xml")
