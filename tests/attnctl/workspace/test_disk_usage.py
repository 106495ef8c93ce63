"""What uses the space: every byte of a run is counted once, in the column that it belongs to."""

from __future__ import annotations

from pathlib import Path

from attnctl.files import write_atomic
from attnctl.workspace import disk_usage
from attnctl.workspace.disk_usage import Usage
from attnctl.workspace.layout import Workspace

RUN = "0123456789abcdef"


def fill(workspace: Workspace) -> None:
    run = workspace.run(RUN)
    start = run.attempt(1).incarnation(0)
    write_atomic(run.spec, b"s" * 3)
    write_atomic(start.events, b"e" * 20)
    write_atomic(start.log(0), b"l" * 100)
    write_atomic(run.attempt(1).worker_log, b"w" * 50)
    write_atomic(run.checkpoints / "1-1.0.pt", b"c" * 1000)


def test_the_files_of_a_run_count_as_checkpoints_logs_or_records(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    fill(workspace)
    usage = disk_usage.of_run(workspace.run(RUN))
    assert usage == Usage(checkpoints=1000, logs=150, records=23)
    assert usage.total == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())


def test_checkpoints_on_another_file_system_count_too(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "here", checkpoints_root=tmp_path / "scratch")
    fill(workspace)
    assert disk_usage.of_run(workspace.run(RUN)).checkpoints == 1000


def test_what_runs_share_is_counted_by_folder_without_links(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_atomic(workspace.weights("d"), b"x" * 70)
    write_atomic(workspace.submission("t"), b"x" * 5)
    write_atomic(workspace.submission_logs("t") / "1_0_0_log.out", b"x" * 9)
    (workspace.weights_folder / "big").symlink_to("/usr")
    shared = disk_usage.shared(workspace)
    assert shared["submissions"] == Usage(logs=9, records=5)
    assert shared["weights"].records in range(70, 80)
    assert set(shared) == {"submissions", "weights"}


def test_a_folder_that_is_not_there_uses_nothing(tmp_path: Path) -> None:
    assert disk_usage.of_run(Workspace(tmp_path).run(RUN)) == Usage()
    assert disk_usage.shared(Workspace(tmp_path)) == {}
