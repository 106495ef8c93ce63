"""Files of checkpoints, as whoever has no torch sees them: their names, their order, and whether they are whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.workspace import checkpoints
from attnctl.workspace.checkpoints import Name
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import Request
from tests.attnctl.cli.finished_runs import good
from tests.attnctl.cli.past_runs import Past


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run with checkpoints of three starts, and files of other names."""
    run = RunDir(tmp_path / "run", tmp_path / "checkpoints")
    run.checkpoints.mkdir()
    for name in ("900-1.0.pt", "20-2.0.pt", "100-2.0.pt", "30-2.1.pt", "x-1.0.pt", "9-1.pt", ".8-3.0.pt", "7-9.0.pt.1"):
        (run.checkpoints / name).touch()
    return run


def test_a_later_attempt_counts_before_more_steps(run: RunDir) -> None:
    assert [path.name for path in checkpoints.stored(run)] == ["30-2.1.pt", "100-2.0.pt", "20-2.0.pt", "900-1.0.pt"]
    newest = checkpoints.newest(run)
    assert newest is not None
    assert newest.name == "30-2.1.pt"
    assert checkpoints.newest_step(run) == 30


def test_a_run_without_checkpoints_has_no_newest(tmp_path: Path) -> None:
    run = RunDir(tmp_path, tmp_path / "checkpoints")
    assert checkpoints.newest(run) is None
    assert checkpoints.newest_step(run) is None


def test_names_round_trip() -> None:
    assert Name.parse(Path("x/30-2.1.pt")) == Name((2, 1), 30)
    assert str(Name((2, 1), 30)) == "30-2.1.pt"


def test_a_digest_is_checked_without_torch(past: Past) -> None:
    (spec,) = past.specs(1)
    path = good(past, spec, 10)
    assert checkpoints.is_undamaged(path)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:40] + b"?" + data[41:], b"", b"x" * 10):
        path.write_bytes(damaged)
        assert not checkpoints.is_undamaged(path)
    path.unlink()
    assert not checkpoints.is_undamaged(path)


def test_checkpoints_are_found_where_earlier_attempts_or_todays_settings_put_them(past: Past) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "COMPLETED")
    root = past.root
    request = past.config.workspace.run(spec.id).attempt(1).request
    record = Request.decode(request.read_bytes())
    for used in ("", "scratch", str(root.parent / "elsewhere")):
        request.write_bytes(replace(record, checkpoints=used).encode())
        workspace = Workspace(root, checkpoints_root=root / used if used else None)
        assert workspace.recorded_checkpoints == used
        lies = workspace.run(spec.id).checkpoints / "20-1.0.pt"
        lies.parent.mkdir(parents=True)
        lies.touch()
        moved = Workspace(root, checkpoints_root=root / "new").run(spec.id)
        assert (checkpoints.located(moved), checkpoints.stored(moved)) == ([lies], [])
        assert checkpoints.newest_step(moved) == 20
        lies.unlink()
        assert checkpoints.located(moved) == []
        today = replace(moved, also=(root / "today",))
        (root / "today").mkdir(exist_ok=True)
        (root / "today" / "30-1.0.pt").touch()
        assert checkpoints.located(today) == [root / "today" / "30-1.0.pt"]
    moved.checkpoints.mkdir(parents=True)
    (moved.checkpoints / "10-2.0.pt").touch()
    assert checkpoints.located(today) == [moved.checkpoints / "10-2.0.pt"], "its own folder comes first"
