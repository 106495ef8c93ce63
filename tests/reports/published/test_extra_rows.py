"""Rows below a paper's table: runs with the recipe of one of its rows that are none of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl import attention
from attnctl.db import open_index
from attnctl.papers.runs import Cells
from attnctl.reports import published
from attnctl.reports.report import Report
from attnctl.reports.selection import Options
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import cells, changed, footnotes, line, specs, table, train

EAN2 = table("ean:2")


def with_module(spec: RunSpec, module: str, **hyperparameters: object) -> RunSpec:
    """The same run with another module."""
    values = attention.describe(module).resolve(hyperparameters)  # type: ignore[arg-type]
    versions = dataclasses.replace(spec.versions, module=str(attention.describe(module).version))
    return dataclasses.replace(spec, module=module, hyperparameters=tuple(sorted(values.items())), versions=versions)


def build(workspace: Workspace, items: list[Cells] | None = None, options: Options | None = None) -> Report:
    items = cells(EAN2) if items is None else items
    with open_index(workspace) as index:
        index.refresh()
        found = index.families({spec.family for item in items for spec in item.specs})
        return published.build(EAN2, items, found, others=index.runs(), options=options or Options())


def test_runs_with_a_rows_recipe_stand_below_the_table(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    seeds = ("0", "1")
    for spec, value in zip(specs(EAN2, "ResNet50", seeds), (77.0, 77.2), strict=True):
        train(workspace, spec, value)
    for spec, value in zip(specs(EAN2, "ResNet50+SE", seeds), (79.0, 79.4), strict=True):
        train(workspace, with_module(spec, "ela", kernel=7), value)
    report = build(workspace)
    assert report.names[:-1] == tuple(row.name for row in EAN2.rows)
    last = report.table.groups[-1]
    assert last.title == "ResNet50: not in the paper"
    assert [row.header for row in last.rows] == [(report.names[-1],)]
    assert report.names[-1].startswith("ela ")
    assert "kernel=7" in report.names[-1]
    shown = line(report.table, report.names[-1], report.names)
    assert shown["top1"].value == pytest.approx(79.2)
    assert (shown["top1"].n, shown["top1"].wanted) == (2, 2)
    assert shown["top1.gain"].value == pytest.approx(2.1)  # against ResNet50 in the table
    assert shown["top1.published"].printed == ""
    assert shown["top1.difference"].value is None
    assert shown["params.exact"].value == 1000  # what the run counted
    assert len(shown["top1"].runs) == 2
    assert any(note.startswith("Not in the paper: runs here") for note in report.table.notes)


def test_only_runs_with_the_networks_data_and_recipe_of_a_row_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet50+SE")
    train(workspace, changed(with_module(spec, "ela"), epochs=3), 50.0)
    train(workspace, dataclasses.replace(with_module(spec, "ela"), dataset="cifar10"), 50.0)
    train(workspace, dataclasses.replace(with_module(spec, "ela"), backbone="resnet20"), 50.0)
    train(workspace, spec, 70.0)
    report = build(workspace)
    assert report.names == tuple(row.name for row in EAN2.rows)
    assert not any(note.startswith("Not in the paper") for note in report.table.notes)


def test_with_overrides_the_overridden_recipe_counts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet50+SE", dataset="digits")
    train(workspace, with_module(spec, "ela"), 90.0)
    assert build(workspace).names == tuple(row.name for row in EAN2.rows)
    report = build(workspace, cells(EAN2, dataset="digits"))
    assert line(report.table, report.names[-1], report.names)["top1"].value == 90.0


def test_another_placement_is_another_row_and_rows_can_be_chosen(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN2, "ResNet50+SE")
    train(workspace, dataclasses.replace(spec, placement="stage"), 71.0)
    train(workspace, with_module(spec, "ela"), 72.0)
    report = build(workspace, options=Options(rows=("se *",)))
    (name,) = report.names
    assert name.endswith(", stage")
    assert [group.title for group in report.table.groups] == ["ResNet50: not in the paper"]


def test_extra_rows_are_held_against_the_groups_rows(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (plain,) = specs(EAN2, "ResNet50")
    (spec,) = specs(EAN2, "ResNet50+SE")
    train(workspace, plain, 70.0)
    train(workspace, with_module(spec, "ela"), 72.0, device="cpu")
    report = build(workspace)
    row = report.table.groups[-1].rows[-1]
    texts = {note.mark: note.text for note in report.table.footnotes}
    assert [texts[mark] for mark in row.marks] == ["device: cpu; ResNet50: NVIDIA A100"]
    assert not footnotes(report.table, row.cells[0])


def test_a_column_of_another_data_set_has_its_own_runs(tmp_path: Path) -> None:
    workspace, ean1 = Workspace(tmp_path), table("ean:1")
    (spec,) = specs(ean1, "MobileNetV2+SE", column="c100")
    train(workspace, with_module(spec, "ela"), 55.0)
    items = cells(ean1)
    with open_index(workspace) as index:
        index.refresh()
        report = published.build(ean1, items, {}, others=index.runs())
    shown = line(report.table, report.names[-1], report.names)
    assert shown["c100"].value == 55.0
    assert shown["c10"].value is None


def test_runs_whose_bases_are_one_for_each_seed_are_one_row(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for seed, spec in enumerate(specs(EAN2, "ResNet50+SE", ("0", "1"))):
        base = dataclasses.replace(with_module(spec, "ela"), backbone="resnet20")
        train(workspace, base, 50.0)
        own = dataclasses.replace(with_module(spec, "ela"), init=f"run:{base.id}", origin=base)
        train(workspace, own, 80.0 + seed)
    report = build(workspace)
    (name,) = report.names[len(EAN2.rows) :]
    cell = line(report.table, name, report.names)["top1"]
    assert (cell.value, cell.n) == (80.5, 2)
    assert not footnotes(report.table, cell)
