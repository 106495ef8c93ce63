"""`attnctl merge`: both workspaces' attempts are kept, whichever takes in which, however often, and however it ends."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl import merge as merging
from attnctl.db import open_index
from attnctl.files import write_atomic
from attnctl.lifecycle.run_history import Histories
from attnctl.merge.apply import LOCK
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Speed, Submission, Sweep
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.exchange_cases import NOW, contents, events, spec, write_attempt, write_sweep


@pytest.fixture
def two(folder: Path) -> tuple[Workspace, Workspace]:
    """The workspace one stands in, and another."""
    other = folder.parent / "other"
    other.mkdir()
    return Workspace(folder), Workspace(other)


def merge(ours: Workspace, theirs: Workspace) -> merging.Plan:
    merging.recover(ours)
    found = merging.plan(ours, theirs)
    assert merging.apply(ours, theirs, found, lambda _: None) == {}
    return found


def told(workspace: Workspace) -> dict[str, Any]:
    """What the runs come to."""
    histories = Histories(workspace)
    found = {run: histories.read(run) for run in workspace.run_ids()}
    return {run: (str(item.verdict.state), item.steps) for run, item in found.items()}


def nonces(workspace: Workspace, run: str) -> list[str]:
    return [json.loads(attempt.request.read_bytes())["nonce"] for attempt in workspace.run(run).attempts()]


def test_a_new_run_comes_with_everything(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(theirs, spec(), 1, {10: 50.0}, nonce="a", checkpoint=10)
    write_sweep(theirs, "first", [spec()])
    write_atomic(theirs.sources / "abc" / "mine.py", b"class Gate: ...\n")
    write_atomic(theirs.run(spec().id).detections, b"[]")
    write_atomic(theirs.root / "imports" / "0123.json", b"{}\n")
    before = contents(theirs.root)
    result = attnctl("merge", "../other")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == ["1 run: 1 new", "  sweep first"]
    assert contents(ours.root) == before | {".merge.lock": b""}
    assert contents(theirs.root) == before
    assert attnctl("merge", "../other").out == "1 run: 1 there already\n"
    assert contents(ours.root) == before | {".merge.lock": b""}


def test_attempts_of_both_are_kept_in_the_order_of_their_reservations(
    two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    ours, theirs = two
    run = spec()
    write_attempt(ours, run, 1, {10: 50.0}, nonce="a", outcome="preempted", created=NOW, checkpoint=10)
    write_attempt(ours, run, 2, {10: 50.0, 20: 60.0}, nonce="c", outcome="error", created=NOW + 20, checkpoint=20)
    write_attempt(theirs, run, 1, {10: 50.0}, nonce="b", outcome="timeout", created=NOW + 10, checkpoint=10)
    attnctl("status")  # so that there is an index, which must not keep what it has read
    result = attnctl("merge", "../other")
    assert result.out.splitlines() == ["1 run: 1 with more attempts", f"  {run.id}: attempt 2 added; 2 is now 3"]
    folder = ours.run(run.id)
    assert nonces(ours, run.id) == ["a", "b", "c"]
    kept = {path.name: path.read_bytes() for path in folder.checkpoints.iterdir()}
    assert kept == {"10-1.0.pt": b"weights a", "10-2.0.pt": b"weights b", "20-3.0.pt": b"weights c"}
    for number, nonce in enumerate("abc", 1):
        record = Submission.read(ours.submission(f"tag-{nonce}"))
        assert record is not None
        assert record.tasks == [[run.id, number]]
    with open_index(ours) as index:
        index.refresh()
        assert [row.attempt for row in index.runs()] == [3]
        fresh = index._rows("SELECT * FROM metrics ORDER BY step, name"), index._rows("SELECT * FROM task ORDER BY tag")
    ours.root.joinpath("attnctl.sqlite").unlink()
    with open_index(ours) as index:
        index.refresh()
        again = index._rows("SELECT * FROM metrics ORDER BY step, name"), index._rows("SELECT * FROM task ORDER BY tag")
    assert fresh == again
    assert sorted(path.name for path in folder.path.iterdir()) == ["attempts", "checkpoints", "spec.json"]


def test_checkpoints_on_another_file_system_come_too(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    (ours.root / "attnctl.toml").write_text('[paths]\ncheckpoints = "far"\n')
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="a", outcome="error", checkpoint=10)
    far = ours.root / "far" / spec().id
    write_attempt(ours, spec(), 1, {20: 1.0}, nonce="b", outcome="error", created=NOW + 9)
    write_atomic(far / "20-1.0.pt", b"weights b")
    assert attnctl("merge", "../other").code == 0
    assert contents(far) == {"10-1.0.pt": b"weights a", "20-2.0.pt": b"weights b"}
    assert contents(ours.root / "far" / spec(seed=1).id) == {"10-1.0.pt": b"weights a"}
    assert not (ours.run(spec(seed=1).id).path / "checkpoints").exists()


def test_a_run_that_completed_anywhere_has_completed(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="late", outcome="error", created=NOW + 50)
    write_attempt(theirs, spec(), 1, {10: 50.0, 40: 90.0}, nonce="early", created=NOW)
    assert attnctl("merge", "../other").code == 0
    assert nonces(ours, spec().id) == ["late", "early"]
    shown = json.loads(attnctl("show", spec().id, "--json").out)
    assert (shown["state"], shown["metrics"]["top1"]) == ("completed", 90.0)


def test_disagreement_on_the_cpu_is_stated_before_and_after(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="a")
    write_attempt(theirs, spec(), 1, {10: 50.5}, nonce="b", created=NOW + 1)
    words = "attempts 1.0 and 2.0 disagree: loss of epoch 1 is 0.5 and 0.495"
    assert words in attnctl("merge", "../other", "--dry-run").err
    done = attnctl("merge", "../other", "--json")
    assert json.loads(done.out)["disagree"] == {spec().id: words}
    assert words in json.loads(attnctl("show", spec().id, "--json").out)["alarm"]


def test_gpus_may_differ_and_a_dry_run_writes_nothing(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="a", device="NVIDIA A100")
    write_attempt(theirs, spec(), 1, {10: 50.5}, nonce="b", device="NVIDIA A100")
    before = listing(ours.root.parent)
    result = attnctl("merge", "../other", "--dry-run")
    assert (result.code, result.err) == (0, "nothing was written: --dry-run\n")
    assert listing(ours.root.parent) == before


def test_more_of_the_same_attempt_is_taken_in(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    run = spec()
    write_attempt(ours, run, 1, {10: 50.0}, nonce="a", outcome="preempted", checkpoint=10)
    shutil.copytree(ours.root, theirs.root, dirs_exist_ok=True)
    start = theirs.run(run.id).attempt(1).incarnation(1)  # SLURM started it again, there
    write_atomic(start.events, events({20: 60.0}, at=NOW + 50))
    write_atomic(start.exit(0), Exit(rank=0, at=NOW + 90, outcome="completed").encode())
    write_atomic(theirs.run(run.id).checkpoints / "20-1.1.pt", b"later")
    result = attnctl("merge", "../other")
    assert result.out.splitlines()[1] == f"  {run.id}: more of attempt 1"
    assert contents(ours.runs) == contents(theirs.runs)
    assert attnctl("merge", "../other").out == "1 run: 1 there already\n"
    back = merge(theirs, ours)
    assert back.same == [run.id]


def test_one_attempt_that_tells_two_things_is_left_as_it_is(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="a")
    write_attempt(theirs, spec(), 1, {10: 55.0}, nonce="a")
    before = contents(ours.runs)
    result = attnctl("merge", "../other")
    assert (result.code, "are of one attempt, and differ" in result.err) == (1, True)
    assert contents(ours.runs) == before


def test_what_is_under_way_in_either_is_left_out(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    for seed, (here, there) in enumerate([(None, "completed"), ("completed", None), ("absent", None)]):
        if here != "absent":
            write_attempt(ours, spec(seed=seed), 1, {10: 1.0}, nonce="a", outcome=here)
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b", outcome=there)
    before = contents(ours.runs)
    result = attnctl("merge", "../other")
    assert result.out == "3 runs: 3 left out\n"
    assert result.err.count("it is running here") == 1
    assert result.err.count("it is running there") == 2
    assert contents(ours.runs) == before


@pytest.mark.parametrize("broken", ["spec.json", "attempts/1/request.json", "attempts/1/0/exit.0.json"])
def test_a_broken_run_is_named_and_the_others_are_taken_in(
    broken: str, two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    _, theirs = two
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b")
    (theirs.run(spec().id).path / broken).write_text("{")
    result = attnctl("merge", "../other")
    assert (result.code, result.out) == (1, "2 runs: 1 new, 1 broken\n")
    assert f"{spec().id}/{broken} is not" in result.err


def test_another_sweep_of_that_name_gets_one_of_its_own_and_a_grown_one_grows(
    two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    ours, theirs = two
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="b")
    write_sweep(ours, "first", [], created=NOW + 1)
    write_sweep(theirs, "first", [spec()])
    write_sweep(ours, "second", [spec()])
    write_sweep(theirs, "second", [spec(seed=1)])
    result = attnctl("merge", "../other")
    assert "  sweep first, as first-" in result.out
    names = sorted(path.stem for path in ours.sweeps.iterdir())
    assert (names[0], names[2], len(names)) == ("first", "second", 3)
    grown = Sweep.read(ours.sweep("second"))
    assert grown is not None
    assert grown.runs == [spec().id, spec(seed=1).id]
    assert attnctl("merge", "../other").out == "2 runs: 2 there already\n"


def test_of_two_measurements_the_newer_stays(two: tuple[Workspace, Workspace]) -> None:
    def speed(at: float) -> Speed:
        fields = {"device": "cpu", "module": "ela", "hyperparameters": {}, "backbone": "resnet20", "placement": "block"}
        more = {"dataset": "digits", "input_size": 8, "batch": 1, "precision": "fp32", "compiled": False}
        return Speed(at=at, seconds=at, spread=0.0, plain_seconds=1.0, **fields, **more)

    for workspace, at in zip(two, (2.0, 3.0), strict=True):
        write_atomic(workspace.speed(speed(at)), speed(at).encode())
    merge(*two)
    merge(two[1], two[0])
    assert [item.at for workspace in two for item in workspace.speeds()] == [3.0, 3.0]


@pytest.mark.parametrize(
    ("words", "said"), [("no", "there is no folder 'no'"), (".", "is this workspace itself"), ("..", "is no workspace")]
)
def test_a_folder_that_is_no_other_workspace_is_refused(
    words: str, said: str, two: tuple[Workspace, Workspace], attnctl: Run
) -> None:
    write_attempt(two[0], spec(), 1, {10: 1.0}, nonce="a")
    result = attnctl("merge", words)
    assert (result.code, said in result.err) == (2, True), result.err


def test_really_trained_runs_of_two_workspaces_agree(trained: Path, attnctl: Run) -> None:
    other = trained.parent / "other"
    shutil.copytree(trained, other)
    for request in (other / "runs").glob("*/attempts/1/request.json"):  # as if it had been asked for there, too
        document = json.loads(request.read_bytes())
        request.write_text(json.dumps(document | {"nonce": "other", "created": document["created"] + 1}))
    result = attnctl("merge", "../other")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == "2 runs: 2 with more attempts"
    shown = json.loads(attnctl("status", "--json").out)
    assert {(item["state"], item["attempt"], item["alarm"]) for item in shown["runs"]} == {("completed", 2, None)}


# ---------------------------------------------------------------------------------------------- all orders, all kills


@dataclass(frozen=True)
class Tried:
    nonce: str
    created: float
    outcome: str
    values: dict[int, float]


@st.composite
def pools(draw: st.DrawFn) -> list[Tried]:
    """The attempts that there were of one run, anywhere, oldest first."""
    outcomes = st.sampled_from(["completed", "preempted", "error"])
    steps = st.dictionaries(st.sampled_from([10, 20, 30]), st.sampled_from([50.0, 60.0, 70.0]))
    return [Tried(f"n{k}", NOW + 1000 * k, draw(outcomes), draw(steps)) for k in range(draw(st.integers(1, 5)))]


@st.composite
def worlds(draw: st.DrawFn) -> list[dict[int, list[Tried]]]:
    """Three workspaces: of each of two runs some attempts, none after one that completed."""
    pool = {seed: draw(pools()) for seed in (0, 1)}
    found = []
    for _ in range(3):
        chosen = {}
        for seed, tried in pool.items():
            some = [item for item in tried if draw(st.booleans())]
            done = next((k for k, item in enumerate(some) if item.outcome == "completed"), len(some))
            chosen[seed] = some[: done + 1]
        found.append(chosen)
    return found


def made(root: Path, world: dict[int, list[Tried]]) -> Workspace:
    workspace = Workspace(root)
    workspace.runs.mkdir(parents=True)
    for seed, tried in world.items():
        for number, item in enumerate(tried, 1):
            how = {"nonce": item.nonce, "created": item.created, "outcome": item.outcome}
            write_attempt(workspace, spec(seed=seed), number, item.values, checkpoint=10 * number, **how)  # type: ignore[arg-type]
    return workspace


@settings(max_examples=15, deadline=None)
@given(world=worlds())
def test_the_order_of_merging_does_not_matter_and_twice_is_once(
    world: list[dict[int, list[Tried]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("worlds")
    orders = [(0, 1, 2), (2, 1, 0), (1, 0, 2)]
    came = []
    for order in orders:
        first, *rest = [made(base / f"{order}{k}", world[k]) for k in order]
        for other in rest:
            before = contents(other.root)
            merge(first, other)
            assert contents(other.root) == before
            once = contents(first.root)
            assert not merge(first, other).extended
            assert contents(first.root) == once
        came.append(told(first))
        attempts = {seed: {item.nonce for part in world for item in part[seed]} for seed in (0, 1)}
        assert all(set(nonces(first, spec(seed=seed).id)) == wanted for seed, wanted in attempts.items())
    assert came[0] == came[1] == came[2]
    shutil.rmtree(base)


_KILLED = """
import os, shutil, sys
from pathlib import Path
from attnctl import merge as merging
from attnctl.workspace.layout import Workspace

here, there, place = map(Path, sys.argv[1:])
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "shutil.copyfile", "open"}

def run(root, kill_at):
    left = kill_at
    def hook(event, arguments):
        nonlocal left
        writing = event != "open" or isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES and writing:
            left -= 1
            if left == 0:
                os._exit(9)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if kill_at:
        sys.addaudithook(hook)
    ours, theirs = Workspace(root), Workspace(there)
    with merging.alone(ours):
        merging.recover(ours)
        broken = merging.apply(ours, theirs, merging.plan(ours, theirs), lambda run: None)
    os._exit(1 if broken else 0)

killed = 0
while True:
    root = place / str(killed)
    shutil.copytree(here, root)
    code = run(root, killed + 1)
    if code == 0:
        break
    assert code == 9, code
    assert run(root, 0) == 0
    killed += 1
print(killed)
"""


def test_killed_at_any_point_the_same_command_does_the_rest(two: tuple[Workspace, Workspace], tmp_path: Path) -> None:
    ours, theirs = two
    run = spec()
    write_attempt(ours, run, 1, {10: 50.0}, nonce="a", outcome="error", created=NOW, checkpoint=10)
    write_attempt(ours, run, 2, {20: 50.0}, nonce="c", outcome="error", created=NOW + 20, checkpoint=20)
    write_attempt(theirs, run, 1, {10: 50.0}, nonce="b", outcome="error", created=NOW + 10, checkpoint=10)
    write_attempt(theirs, spec(seed=1), 1, {10: 50.0}, nonce="d", checkpoint=10)
    write_sweep(theirs, "first", [run])
    write_atomic(theirs.sources / "abc" / "mine.py", b"class Gate: ...\n")
    place = tmp_path / "killed"
    words = [sys.executable, "-c", _KILLED, *map(str, (ours.root, theirs.root, place))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    killed = int(done.stdout)
    assert killed > 30
    wanted = contents(place / str(killed))
    assert sum(name.endswith("request.json") for name in wanted) == 4
    for number in range(killed):
        visible = {
            name: data
            for name, data in contents(place / str(number)).items()
            if not any(part.startswith(".") for part in Path(name).parts[-2:])  # what a killed writer left aside
        }
        assert visible == {name: data for name, data in wanted.items() if name != ".merge.lock"}, number


HOLDER = """
import sys, time
from pathlib import Path
from attnctl import merge
from attnctl.workspace.layout import Workspace
with merge.alone(Workspace(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_merge_at_a_time_and_a_killed_one_is_in_nobodys_way(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(theirs, spec(), 1, {10: 50.0}, nonce="a", checkpoint=10)
    old = os.umask(0o007)
    try:
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(ours.root)], stdout=subprocess.PIPE, text=True)
    finally:
        os.umask(old)
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert stat.S_IMODE((ours.root / LOCK).stat().st_mode) == 0o660
            refused = attnctl("merge", str(theirs.root))
        finally:
            holder.kill()
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"attnctl: another merge into {ours.root} is going on\n"
    assert attnctl("merge", str(theirs.root)).code == 0
    assert ours.run_ids() == [spec().id]


def test_an_error_within_a_merge_is_its_own_and_gives_the_lock_back(two: tuple[Workspace, Workspace]) -> None:
    ours, _ = two
    for _ in range(2):
        with pytest.raises(BlockingIOError), merging.alone(ours):
            raise BlockingIOError
