"""What the index answers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnctl.db import PaperSweep, open_index, rebuild, refresh
from attnctl.db.index import Index
from attnctl.db.location import location
from attnctl.db.rows import COLUMNS, LISTED_COLUMNS, TIMING_FIELDS
from attnctl.db.store import TABLES, Store, StoreError, open_store
from attnctl.files import write_atomic
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Placed, Sweep
from tests.db import written


@pytest.fixture
def index(workspace: Workspace) -> Iterator[Index]:
    with open_index(workspace) as opened:
        opened.refresh()
        yield opened


RUNS = written.specs(("none", "ela"), ("0", "1"))


def test_runs_are_returned_in_the_requested_order(index: Index) -> None:
    ids = [spec.id for spec in RUNS]
    assert [row.id for row in index.runs(ids)] == ids
    assert [row.id for row in index.runs([*ids[::-1], "unknown", ids[0]])] == ids[::-1]
    assert [row.id for row in index.runs()] == sorted(ids)
    assert index.runs([]) == []
    assert [row.spec for row in index.runs(ids)] == RUNS
    assert set(index.states(ids)) == set(ids)


def test_a_list_has_the_same_runs_with_the_metrics_that_are_asked_for(workspace: Workspace, index: Index) -> None:
    written.finish(workspace, RUNS[0].id)
    index.refresh()
    left_out = {name for name, column in zip(COLUMNS, LISTED_COLUMNS, strict=True) if column != f"run.{name}"}
    some = [RUNS[2].id, "unknown", RUNS[0].id]
    for ids, names in ((None, ["top1", "unheard"]), (some, ["loss", "top1"]), (some, []), ([], ["top1"])):
        whole, listed = index.runs(ids), index.listed(ids, names)
        assert [row.id for row in listed] == [row.id for row in whole]
        for row, short in zip(whole, listed, strict=True):
            assert short.metrics == {name: value for name, value in row.metrics.items() if name in names}
            assert all(getattr(short, name) == getattr(row, name) for name in COLUMNS if name not in left_out)
            assert (short.batch, short.spec) == (row.batch, row.spec)
    assert {"top1", "loss"} <= set(index.runs()[0].metrics) | set(index.runs([RUNS[0].id])[0].metrics)


def test_the_batch_size_is_known_of_runs_under_way(workspace: Workspace, index: Index) -> None:
    written.finish(workspace, RUNS[0].id)
    index.refresh()
    done, *active = index.runs([spec.id for spec in RUNS])
    assert done.batch is None
    assert [row.batch for row in active] == [row.recipe["batch"] for row in active]
    assert [row.batch for row in index.runs([active[0].id])] == [active[0].batch]


def test_of_a_few_runs_nothing_is_read_but_their_own_rows(workspace: Workspace, index: Index) -> None:
    written.finish(workspace, RUNS[0].id)
    index.refresh()
    connection = index._store.connection
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    (row,) = index.runs([RUNS[0].id])
    index.listed([RUNS[0].id], ["top1"])
    index.states([RUNS[0].id])
    assert all((row.best, row.hyperparameters == {}, row.recipe, row.spec, row.base is None, row.batch is None))
    connection.set_trace_callback(None)
    assert len(asked) > 8
    steps = [step for query in asked for (*_, step) in connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()]
    assert not [step for step in steps if step.startswith("SCAN") and step.split()[1] in TABLES]


def test_more_runs_than_sqlite_variables_can_be_queried(index: Index) -> None:
    assert len(index.runs([spec.id for spec in RUNS] + [f"{number:016x}" for number in range(300_000)])) == len(RUNS)


def test_a_sweep_has_its_runs_and_its_command(index: Index) -> None:
    (sweep,) = index.sweeps()
    assert (sweep.name, sweep.runs, sweep.command) == ("first", [spec.id for spec in RUNS], ["attnctl", "sweep", "a b"])


def test_the_speed_of_each_incarnation_is_listed_with_what_determines_it(workspace: Workspace) -> None:
    fast, slow = RUNS[:2]
    other = Workspace(workspace.root / "other")
    written.submit(other, [fast, slow])
    written.finish(other, fast.id)
    written.append(other, slow.id, [written.model_event("A100"), written.progress_event(10)])
    written.append(other, slow.id, [written.model_event("A100"), written.progress_event(20)], restart=1)
    with open_index(other) as index:
        index.refresh()
        rows = index.timings()
    assert [(row.run, row.device, row.images_per_s, row.alone) for row in rows] == [
        (slow.id, "A100", 50.0, 0),
        (slow.id, "A100", 50.0, 0),
        (fast.id, "cpu", 100.0, 1),
    ]
    recipe = dict(zip(TIMING_FIELDS, rows[-1].recipe, strict=True))
    assert recipe == {name: getattr(fast.recipe, name) for name in TIMING_FIELDS}
    assert (rows[-1].module, rows[-1].dataset, rows[-1].created) == ("none", "digits", written.NOW)


def test_the_runs_of_a_cell_are_found_for_all_seeds_and_versions(workspace: Workspace, index: Index) -> None:
    newer = replace(RUNS[2], seed=7, versions=replace(RUNS[2].versions, loop=99))
    written.submit(workspace, [newer], tag="tag2")
    index.refresh()
    plain, ela = RUNS[0].family, RUNS[2].family
    found = index.families([ela, plain, "0" * 16])
    assert {family: [row.seed for row in rows] for family, rows in found.items()} == {plain: [0, 1], ela: [0, 1, 7]}
    assert found[ela][2].spec == newer
    assert found[plain][0].metrics["top1"] == 90.0
    assert index.families([]) == {}
    assert list(index.families([plain, *(f"{number:016x}" for number in range(50_000))])) == [plain]


def test_the_sweeps_of_papers_tables_are_listed_newest_first(workspace: Workspace, index: Index) -> None:
    parts: tuple[dict[str, Any], ...] = ({"paper": "nam", "table": "1"}, {}, {"paper": "./my.toml", "figure": "2"})
    for at, part in enumerate(parts):
        sweep = Sweep(name=f"s{at}", created=float(at), command=[], runs=[], overrides={"seeds": ["1"]}, **part)
        write_atomic(workspace.sweep(sweep.name), sweep.encode())
    index.refresh()
    given = {"seeds": ["1"]}
    assert index.table_sweeps() == [
        PaperSweep("s2", 2.0, "./my.toml", "", "2", given),
        PaperSweep("s0", 0.0, "nam", "1", "", given),
    ]


def test_the_scheduler_is_queried_about_active_runs_and_runs_that_may_return(
    workspace: Workspace, index: Index
) -> None:
    _done, active, failed, interrupted = (spec.id for spec in RUNS)
    written.leave(workspace, failed, "error", message="x")
    written.observe(workspace, interrupted, "PREEMPTED", at=time.time())
    index.refresh()
    placed = {item.run: item for item in index.placed()}
    assert placed.keys() == {active, interrupted}
    assert placed[active] == Placed(
        run=active, attempt=1, tag="tag1", where="slurm", job_id="77_1", created=written.NOW
    )
    for path in workspace.run(interrupted).attempt(1).observed.iterdir():
        path.unlink()
    written.observe(workspace, interrupted, "PREEMPTED", at=written.NOW)
    index.refresh()
    assert {item.run for item in index.placed()} == {active}


COUNT = """
import sys
from pathlib import Path
from attnctl.workspace.layout import Workspace
from attnctl.db import PaperSweep, open_index, rebuild, refresh
touched = []
def hook(event, arguments):
    if event.split(".")[0] in {"open", "os", "glob", "pathlib"} and arguments:
        touched.append(str(arguments[0]))
sys.addaudithook(hook)
with open_index(Workspace(Path(sys.argv[1]))) as index:
    index.refresh()
    rows = index.runs()
print(len(rows), sum("/runs/" in path for path in touched), "sqlalchemy" in sys.modules, "torch" in sys.modules)
"""


def test_finished_runs_need_no_file_system_calls(tmp_path: Path) -> None:
    """By Python's audit events; stat has none, so that a trace of the system's calls is taken where strace is."""
    import shutil

    workspace = Workspace(tmp_path)
    runs = written.specs(seeds=tuple(map(str, range(40))))
    written.submit(workspace, runs)
    for spec in runs:
        written.finish(workspace, spec.id)
    with open_index(workspace) as index:
        index.refresh()
        assert {row.state for row in index.runs()} == {"completed"}
    command = [sys.executable, "-c", COUNT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["40", "0", "False", "False"]
    if shutil.which("strace"):
        trace = tmp_path / "trace"
        subprocess.run(
            ["strace", "-f", "-e", "trace=%file", "-o", str(trace), *command], check=True, capture_output=True
        )
        assert not [line for line in trace.read_text().splitlines() if f"{tmp_path}/runs/" in line]


def _index_of(folder: Path, count: int) -> Workspace:
    """A workspace whose index has this many completed runs."""
    workspace, specs = Workspace(folder), written.specs(seeds=tuple(map(str, range(count))))
    written.submit(workspace, specs)
    for spec in specs:
        written.finish(workspace, spec.id)
    with open_index(workspace) as index:
        index.refresh()
    return workspace


def test_an_index_that_is_not_rebuilt_to_its_end_stays_as_it_was(tmp_path: Path) -> None:
    workspace = _index_of(tmp_path, 3)
    path = location(workspace)
    before, names = path.read_bytes(), sorted(tmp_path.iterdir())
    workspace.run(workspace.run_ids()[0]).spec.unlink()  # what a rebuilt index would lack
    for error in (KeyboardInterrupt(), sqlite3.OperationalError("database or disk is full")):

        def stop(made: Store, error: BaseException = error) -> None:
            refresh.refresh(made, workspace)
            assert len(made.connection.execute("SELECT id FROM run").fetchall()) == 2
            raise error

        with closing(open_store(path)) as store, pytest.raises(type(error)):
            store.rebuilt(stop)
        assert path.read_bytes() == before
        assert sorted(tmp_path.iterdir()) == names
    with rebuild(workspace) as index:
        assert len(index.runs()) == 2
    assert sorted(tmp_path.iterdir()) == names


def test_others_read_the_index_of_before_until_it_is_rebuilt(tmp_path: Path) -> None:
    workspace = _index_of(tmp_path, 3)
    path = location(workspace)
    workspace.run(workspace.run_ids()[0]).spec.unlink()
    with closing(open_store(path)) as store, closing(open_store(path)) as other:

        def count() -> int:
            ((runs,),) = other.connection.execute("SELECT count(*) FROM run").fetchall()
            return int(runs)

        def fill(made: Store) -> None:
            refresh.refresh(made, workspace)
            assert count() == 3

        assert store.rebuilt(fill) is store
        assert count() == 2


def test_a_rebuilt_index_waits_for_others_and_gives_up_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnctl.db.store.BUSY_SECONDS", 0.1)
    workspace = _index_of(tmp_path, 1)
    path = location(workspace)
    locked = pytest.raises(StoreError, match=f"{path}: database is locked")
    with closing(open_store(path)) as other, other.writing(), locked:
        rebuild(workspace)
    with rebuild(workspace) as index:
        assert len(index.runs()) == 1


def test_an_index_that_is_torn_while_it_is_rebuilt_gives_way_to_a_new_one(tmp_path: Path) -> None:
    workspace = _index_of(tmp_path, 1)
    path = location(workspace)

    def fill(made: Store) -> None:
        refresh.refresh(made, workspace)
        path.write_bytes(path.read_bytes()[:100] + b"torn" * 100)  # behind the header

    with closing(open_store(path)) as store, closing(store.rebuilt(fill)) as new:
        assert len(new.connection.execute("SELECT id FROM run").fetchall()) == 1
    with open_index(workspace) as index:
        assert len(index.runs()) == 1
