"""The workspace's layout."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.workspace import layout
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Observed, RecordError, Sweep

SPEC = expand(Axes(modules=("ela",))).specs[0]


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    attempt = workspace.run("ab12").attempt(2)
    start = attempt.incarnation(1)
    paths = [attempt.request, attempt.owner, start.env, start.events, start.exit(3), start.log(3), start.rendezvous]
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "runs/ab12/attempts/2/request.json",
        "runs/ab12/attempts/2/owner",
        "runs/ab12/attempts/2/1/env.json",
        "runs/ab12/attempts/2/1/events.jsonl",
        "runs/ab12/attempts/2/1/exit.3.json",
        "runs/ab12/attempts/2/1/log.3.txt",
        "runs/ab12/attempts/2/1/.rendezvous",
    ]
    assert start.token == (2, 1)


def test_attempts_and_incarnations_are_listed_in_numeric_order(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("0123456789abcdef")
    assert (run.attempts(), Workspace(tmp_path).run_ids()) == ([], [])
    for number in (10, 2, 1):
        run.attempt(number).incarnation(0).path.mkdir(parents=True)
    (run.path / "attempts" / ".tmp").mkdir()
    assert [attempt.number for attempt in run.attempts()] == [1, 2, 10]
    assert [start.token for start in run.attempt(10).incarnations()] == [(10, 0)]
    (tmp_path / "runs" / "notes").mkdir()
    assert Workspace(tmp_path).run_ids() == ["0123456789abcdef"]


def test_observations_are_ordered_by_time(tmp_path: Path) -> None:
    attempt = Workspace(tmp_path).run("ab").attempt(1)
    for at in (3.0, 1.0, 2.0):
        record = Observed(at=at, job_id="1_0", word="RUNNING")
        write_atomic(attempt.observed / f"{at}.json", record.encode())
    assert [record.at for record in attempt.observations()] == [1.0, 2.0, 3.0]


def test_a_spec_under_another_runs_id_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for run_id in (SPEC.id, "0123456789abcdef"):
        write_atomic(workspace.run(run_id).spec, json.dumps(SPEC.to_json()).encode())
    assert workspace.run(SPEC.id).read_spec() == SPEC
    with pytest.raises(RecordError, match=f"is the spec of run {SPEC.id}"):
        workspace.run("0123456789abcdef").read_spec()


def test_a_sweep_keeps_its_command_and_runs(tmp_path: Path) -> None:
    sweep = Sweep(name="a", created=1.0, command=["sweep", "ela"], runs=["x", "y"])
    write_atomic(Workspace(tmp_path).sweep("a"), sweep.encode())
    assert Sweep.read(tmp_path / "sweeps" / "a.json") == sweep


NAMES = {
    *("runs", "attempts", "observed", "checkpoints", "submissions", "sweeps", "weights", "code", "bench", "imports"),
    *("notices", "doctor", "worker.txt", "env.json", "events.jsonl", "spec.json", "owner", "cancel.json"),
    *("detections.json", ".rendezvous"),
}
"""What `layout.py` calls folders and files, but for those that a probe's folder has too: sources, request.json."""

PACKAGE = Path(layout.__file__).parents[1]


def _joined(source: str) -> Iterator[str]:
    """The texts that a Python file joins to a path."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield str(node.right.value)


def test_only_the_layout_names_files_and_folders_of_a_workspace() -> None:
    files = [path for room in PACKAGE.iterdir() if room.is_dir() for path in room.rglob("*.py")]
    assert len(files) > 300
    found = {path.name: names for path in files if (names := NAMES & set(_joined(path.read_text(encoding="utf-8"))))}
    assert NAMES.issuperset(found.pop("layout.py"))
    assert found.pop("published.py") == {"checkpoints"}, "a folder of torch's own cache"
    assert found == {}


def test_the_ranks_that_have_a_log_are_numbers_in_their_order(tmp_path: Path) -> None:
    incarnation = Workspace(tmp_path).run("0" * 16).attempt(1).incarnation(0)
    incarnation.path.mkdir(parents=True)
    for name in ("log.10.txt", "log.9.txt", "log.x.txt", "log.1.txt.part"):
        (incarnation.path / name).touch()
    assert incarnation.logged_ranks() == [9, 10]
