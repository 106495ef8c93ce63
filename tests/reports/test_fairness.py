"""Rows that were not trained alike: a footnote at each, and a warning. All runs are in a real index."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attnctl.db import open_index
from attnctl.papers.model import PaperTable
from attnctl.reports import comparison, fairness, published
from attnctl.reports.report import Report
from attnctl.reports.table import all_rows
from attnctl.workspace.layout import Workspace
from tests.reports.report_rows import rows as made_rows
from tests.reports.report_workspace import cells, families, specs, train
from tests.reports.report_workspace import table as named

EAN2 = named("ean:2")
NAMES = ("ResNet50", "ResNet50+SE", "ResNet50+SA")


def with_train(fields: Mapping[str, Any]) -> PaperTable:
    """EAN's table 2 with ResNet50, +SE and +SA, of which +SE is trained with other fields."""
    kept = [row for row in EAN2.rows if row.name in NAMES]
    changed = [
        dataclasses.replace(row, setup=dataclasses.replace(row.setup, train={**row.setup.train, **fields}))
        if row.name == NAMES[1]
        else row
        for row in kept
    ]
    return dataclasses.replace(EAN2, rows=tuple(changed))


def report(tmp_path: Path, table: PaperTable, runs: Mapping[str, dict[str, Any]]) -> Report:
    """runs: row -> what `train` takes."""
    workspace = Workspace(tmp_path)
    for name, options in runs.items():
        seeds = options.pop("seeds", ("0",))
        for spec in specs(table, name, seeds):
            train(workspace, spec, 60.0, **options)
    items = cells(table)
    return published.build(table, items, families(workspace, items))


def row_notes(made: Report, name: str) -> list[str]:
    row = dict(made.rows())[name]
    texts = {note.mark: note.text for note in made.table.footnotes}
    return [texts[mark] for mark in row.marks]


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"lr": (0.2,)}, "learning rate: 0.2; ResNet50: 0.05"),
        ({"epochs": (3,)}, "epochs: 3; ResNet50: 200"),
        ({"batch": (256,)}, "global batch: 256; ResNet50: 128"),
        ({"norm_batch": (64,)}, "norm batch: 64; ResNet50: 32"),
        ({"precision": ("bf16",)}, "precision: bf16; ResNet50: fp32"),
        ({"augment": ("shift",)}, "augmentation: shift; ResNet50: crop-flip"),
        ({"nesterov": (True,)}, "nesterov: true; ResNet50: false"),
        ({"val_split": (0.1,)}, "val_split: 0.1; ResNet50: 0"),
    ],
)
def test_differing_recipes_are_noted(tmp_path: Path, fields: dict[str, tuple[float | str, ...]], note: str) -> None:
    made = report(tmp_path, with_train(fields), {name: {} for name in NAMES})
    assert [row_notes(made, name) for name in NAMES] == [[], [note], []]
    subject, _, words = note.partition(": ")
    ours, _, usual = words.partition("; ResNet50: ")
    assert made.warnings == (
        f"ResNet50: not the same {subject}: {usual} (ResNet50, ResNet50+SA); {ours} (ResNet50+SE)",
    )


def test_differing_devices_are_noted(tmp_path: Path) -> None:
    made = report(tmp_path, EAN2, {NAMES[0]: {}, NAMES[1]: {"device": "NVIDIA H100"}})
    assert row_notes(made, NAMES[1]) == ["device: NVIDIA H100; ResNet50: NVIDIA A100"]


def test_differing_seeds_are_noted(tmp_path: Path) -> None:
    made = report(tmp_path, EAN2, {NAMES[0]: {"seeds": ("0", "1")}, NAMES[1]: {}})
    assert row_notes(made, NAMES[1]) == ["seeds: 0; ResNet50: 0, 1"]


def test_a_selection_among_trainings_is_noted(tmp_path: Path) -> None:
    made = report(tmp_path, with_train({"lr": (0.05, 0.1)}), {name: {} for name in NAMES})
    assert row_notes(made, NAMES[1]) == ["selection: the better of lr=0.05 and lr=0.1; ResNet50: one training"]


def test_differing_code_is_noted(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (plain,), (se,) = (specs(EAN2, name) for name in NAMES[:2])
    train(workspace, plain, 60.0)
    train(workspace, dataclasses.replace(se, versions=dataclasses.replace(se.versions, loop=0)), 61.0)
    items = cells(EAN2)
    made = published.build(EAN2, items, families(workspace, items))
    now = f"backbone {se.versions.backbone}, dataset {se.versions.dataset}"
    loop = plain.versions.loop
    assert row_notes(made, NAMES[1]) == [f"code: {now}, loop 0; ResNet50: {now}, loop {loop}"]


def test_differing_placements_are_noted_relative_to_the_majority(tmp_path: Path) -> None:
    table = named("ean:3")
    rows = ("MobileNeXt(MX)", "SE-MX", "CBAM-MX", "CA-MX")
    made = report(tmp_path, table, {name: {} for name in rows})
    usual = next(row.setup.placement for row in table.rows if row.name == "SE-MX")
    own = next(row.setup.placement for row in table.rows if row.name == "CA-MX")
    assert usual != own
    assert not any("placement" in note for name in rows[:3] for note in row_notes(made, name))
    assert f"placement: {own}; SE-MX: {usual}" in row_notes(made, "CA-MX")


def test_replacing_a_layer_is_distinguished_from_inserting_after_it(tmp_path: Path) -> None:
    table = named("an:1")
    rows = ("ResNet-50-BN", "ResNet-50-GN", "ResNet-50-SE")
    made = report(tmp_path, table, {name: {} for name in rows})
    notes = row_notes(made, "ResNet-50-SE")
    assert "way of attention: inserted; ResNet-50-GN: in the place of a layer" in notes
    assert any(words.startswith("ResNet-50: not the same way of attention: ") for words in made.warnings)


def test_equal_rows_cause_no_warning(tmp_path: Path) -> None:
    made = report(tmp_path, EAN2, {name: {} for name in NAMES})
    assert made.warnings == ()
    assert not any(row_notes(made, name) for name in NAMES)


def test_the_comparison_also_contains_the_note(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    plain, ela = (row.spec for row in made_rows([1.0, 2.0]))
    train(workspace, plain, 60.0)
    train(workspace, ela, 61.0, device="cpu")
    with open_index(workspace) as index:
        index.refresh()
        made = comparison.build(index.runs())
    assert made.warnings == ("ResNet-20 on Digits: not the same device: NVIDIA A100 (ResNet-20); cpu (ELA)",)
    assert [row.marks for _, row in all_rows(made.table)] == [(), ("a",)]


def test_weights_that_runs_begin_with_set_them_apart(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (plain,) = (row.spec for row in made_rows([1.0], ("none",)))
    tuned = dataclasses.replace(plain, init="run:0123456789abcdef")
    train(workspace, plain, 60.0)
    train(workspace, tuned, 61.0)
    with open_index(workspace) as index:
        index.refresh()
        made = comparison.build(index.runs())
    assert len(made.names) == 2
    assert any("from run:0123456789abcdef" in name for name in made.names)
    assert "not the same start" in made.warnings[0]


def chain(tmp_path: Path, bases: Mapping[str, Mapping[str, str]]) -> Report:
    """EAN's table 5, rows that start from those of table 3. bases: row -> fields of what it starts from."""
    table, workspace = named("ean:5"), Workspace(tmp_path)
    items = [
        item for row, fields in bases.items() for item in cells(table, (row,), bases={"ean:3": {"fields": {**fields}}})
    ]
    for item in items:
        (spec,) = item.specs
        assert spec.origin is not None
        train(workspace, spec.origin, 70.0)
        train(workspace, spec, 30.0)
    return published.build(table, items, families(workspace, items))


def test_starting_from_the_same_networks_classifiers_is_not_a_difference(tmp_path: Path) -> None:
    made = chain(tmp_path, {"ResNet50": {}, "SE-ResNet50": {}, "EAN-ResNet50": {}})
    assert made.warnings == ()
    notes = [note for row in ("SE-ResNet50", "EAN-ResNet50") for note in row_notes(made, row)]
    assert not any(note.startswith("start:") or "of the start" in note for note in notes)


def test_starts_that_were_trained_differently_are_noted(tmp_path: Path) -> None:
    made = chain(tmp_path, {"ResNet50": {}, "SE-ResNet50": {"epochs": "3"}, "EAN-ResNet50": {}})
    assert made.warnings == (
        "ResNet50: not the same epochs of the start: 90 (ResNet50, EAN-ResNet50); 3 (SE-ResNet50)",
    )
    assert "epochs of the start: 3; ResNet50: 90" in row_notes(made, "SE-ResNet50")


def test_a_start_from_another_module_is_a_difference(tmp_path: Path) -> None:
    table, workspace = named("ean:5"), Workspace(tmp_path)
    (plain,), (se,) = (specs(table, name) for name in ("ResNet50", "SE-ResNet50"))
    assert plain.origin is not None
    assert se.origin is not None
    for base in (plain.origin, se.origin):
        train(workspace, base, 70.0)
    swapped = dataclasses.replace(se, init=plain.init, origin=plain.origin)
    for spec in (plain, swapped):
        train(workspace, spec, 30.0)
    with open_index(workspace) as index:
        index.refresh()
        rows = index.runs([plain.id, swapped.id])
        compared = [fairness.Compared(row.label, [row]) for row in rows]
        assert fairness.differences(compared) == [], "both start from the very same run"
    train(workspace, se, 31.0)
    with open_index(workspace) as index:
        index.refresh()
        rows = index.runs([swapped.id, se.id])
        names = ("of the plain network", "its own")
        found = fairness.differences([fairness.Compared(name, [row]) for name, row in zip(names, rows, strict=True)])
        assert [item.warning for item in found] == [
            f"not the same start: {swapped.init} (of the plain network); {se.init} (its own)"
        ]
