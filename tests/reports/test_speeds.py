"""Measured inference speed in a report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.reports import comparison
from attnctl.reports.speeds import of_runs
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Speed
from tests.reports.report_rows import rows

PLAIN = Speed(
    at=1.0,
    device="Some GPU",
    module="none",
    hyperparameters={},
    backbone="resnet20",
    placement="",
    dataset="digits",
    input_size=32,
    batch=64,
    precision="fp32",
    compiled=False,
    seconds=0.5,
    spread=0.01,
    plain_seconds=0.5,
)


def test_a_measurement_replaces_an_older_one_and_damaged_files_are_ignored(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for speed in (PLAIN, dataclasses.replace(PLAIN, at=2.0, seconds=0.25), dataclasses.replace(PLAIN, batch=1)):
        write_atomic(workspace.speed(speed), speed.encode())
    (tmp_path / "bench" / "broken.json").write_text("{")
    assert [(speed.at, speed.batch) for speed in workspace.speeds()] == [(2.0, 64), (1.0, 1)]


def test_the_newest_figures_under_the_conditions_that_most_runs_have_become_a_column() -> None:
    plain, ela = rows([90.0, 91.0])
    other = dataclasses.replace(
        PLAIN, module="ela", hyperparameters=dict(ela.spec.hyperparameters), placement="block", seconds=0.8
    )
    alone = dataclasses.replace(PLAIN, at=9.0, device="Another GPU", seconds=0.1)
    fps, words = of_runs([plain, ela], [alone, other, PLAIN])
    assert (fps, words) == ({plain.id: 128.0, ela.id: 80.0}, "Some GPU, batch 64, fp32")
    table = comparison.build([plain, ela], "", [alone, other, PLAIN]).table
    assert [column.title for column in table.columns][-1] == "FPS"
    assert [[row.cells[-1].value for row in group.rows] for group in table.groups] == [[128.0, 80.0]]
    assert table.notes[-1] == "FPS: images per second of inference; Some GPU, batch 64, fp32."


def test_columns_without_measurements_are_left_out() -> None:
    assert "FPS" not in [column.title for column in comparison.build(rows([90.0, 91.0])).table.columns]
