"""A merge in any order, killed at any point, and two at a time."""

from __future__ import annotations

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
from attnctl.files import write_atomic
from attnctl.lifecycle.run_history import Histories
from attnctl.merge.apply import LOCK
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, contents, spec, write_attempt, write_sweep
from tests.attnctl.merge.merged import merge, nonces


def told(workspace: Workspace) -> dict[str, Any]:
    """What the runs come to."""
    histories = Histories(workspace)
    found = {run: histories.read(run) for run in workspace.run_ids()}
    return {run: (str(item.verdict.state), item.steps) for run, item in found.items()}


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
    assert refused.err == f"attnctl: another merge into {ours.root} is running\n"
    assert attnctl("merge", str(theirs.root)).code == 0
    assert ours.run_ids() == [spec().id]


def test_an_error_during_a_merge_is_raised_and_releases_the_lock(two: tuple[Workspace, Workspace]) -> None:
    ours, _ = two
    for _ in range(2):
        with pytest.raises(BlockingIOError), merging.alone(ours):
            raise BlockingIOError
