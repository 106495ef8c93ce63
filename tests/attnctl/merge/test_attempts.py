"""The attempts of one run in two workspaces, in one order."""

from __future__ import annotations

import json

from attnctl.db import open_index
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Submission
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, spec, write_attempt
from tests.attnctl.merge.merged import nonces


def test_merged_attempts_are_ordered_by_reservation(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
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


def test_a_run_that_completed_anywhere_has_completed(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(ours, spec(), 1, {10: 50.0}, nonce="late", outcome="error", created=NOW + 50)
    write_attempt(theirs, spec(), 1, {10: 50.0, 40: 90.0}, nonce="early", created=NOW)
    assert attnctl("merge", "../other").code == 0
    assert nonces(ours, spec().id) == ["late", "early"]
    shown = json.loads(attnctl("show", spec().id, "--json").out)
    assert (shown["state"], shown["metrics"]["top1"]) == ("completed", 90.0)
