"""Two copies of one attempt: the later files count."""

from __future__ import annotations

import shutil

from attnctl.files import write_atomic
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, contents, events, spec, write_attempt
from tests.attnctl.merge.merged import merge


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


def test_contradicting_copies_of_an_attempt_are_left_unchanged(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="a")
    write_attempt(theirs, spec(), 1, {10: 55.0}, nonce="a")
    before = contents(ours.runs)
    result = attnctl("merge", "../other")
    assert (result.code, "are of one attempt, and differ" in result.err) == (1, True)
    assert contents(ours.runs) == before
