"""What the runs of a comparison took."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.reporting import run_costs
from attnctl.cli.reporting.request import Request, gather
from attnctl.db import open_index
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.reports.selection import Options
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit
from tests.reports.report_workspace import sweep, train


def exits(workspace: Workspace, spec: RunSpec, *peaks: tuple[int, int]) -> None:
    """Exit records of the ranks of a run's only start, with their peaks of memory: resident, GPU."""
    (attempt,) = workspace.run(spec.id).attempts()
    (start,) = attempt.incarnations()
    for rank, (resident, gpu) in enumerate(peaks):
        record = Exit(rank=rank, at=2.0, outcome="completed", max_rss=resident, max_gpu=gpu)
        write_atomic(start.exit(rank), record.encode())


def test_the_columns_of_what_runs_used_are_of_all_their_processes(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    specs = expand(Axes(modules=("none", "ela"))).specs
    for spec in specs:
        train(workspace, spec, 90.0)
    (attempt,) = workspace.run(specs[1].id).attempts()
    for rank, busy in enumerate((0.5, 0.7)):
        used = {"gpu_busy": busy, "waited": 0.25, "gpu_total": 8e9, "gpu_joules": 1.8e6}
        record = Exit(rank=rank, at=2.0, outcome="completed", used=used)
        write_atomic(attempt.incarnations()[0].exit(rank), record.encode())
    sweep(workspace, "first", list(specs))
    with open_index(workspace) as index:
        index.refresh()
        report = gather(index, Request(options=Options(columns=("gpu", "wait", "energy")))).report
    columns = report.table.columns
    plain, ours = (row.cells for _, row in report.rows())
    assert [cell.value for cell in plain] == [None, None, None]
    assert [column.show(cell.value or 0.0) for column, cell in zip(columns, ours, strict=True)] == ["60", "25", "1.000"]
    assert [column.heading for column in columns] == ["GPU busy (%)", "waits for data (%)", "energy (kWh)"]
    notes = " ".join(report.table.notes)
    assert "GPU busy: the part of the training in which the GPU computed, for all processes on it." in notes
    assert "energy: of a run's GPUs, else of its nodes' CPUs with all that runs on them; the mean of the runs." in notes


@pytest.mark.parametrize(
    ("peaks", "expected"),
    [
        ([((1 << 30, 0),), ((2 << 30, 0), (3 << 30, 0))], [1.0, 3.0]),
        ([((1 << 30, 0),), ((2 << 30, 5 << 30), (3 << 30, 4 << 30))], [None, 5.0]),
    ],
)
def test_the_peak_of_a_row_is_that_of_its_largest_process_and_of_gpus_if_there_are_any(
    tmp_path: Path, peaks: list[tuple[tuple[int, int], ...]], expected: list[float | None]
) -> None:
    workspace = Workspace(tmp_path / "w")
    specs = expand(Axes(modules=("none", "ela"))).specs
    for spec, own in zip(specs, peaks, strict=True):
        train(workspace, spec, 90.0)
        exits(workspace, spec, *own)
    sweep(workspace, "first", list(specs))
    with open_index(workspace) as index:
        index.refresh()
        report = gather(index, Request(options=Options(columns=("memory",)))).report
        assert run_costs.of_runs(index, index.runs(), ("top1",)) == {}
    (column,) = report.table.columns
    cells = [row.cells[0] for _, row in report.rows()]
    assert [column.show(cell.value) if cell.value is not None else None for cell in cells] == [
        None if value is None else f"{value:.2f}" for value in expected
    ]
    assert "peak memory: of the largest process; on a GPU what PyTorch reserved there." in report.table.notes
