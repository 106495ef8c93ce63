"""`attnctl du`: where the space went, by sweep or run, the largest first."""

from __future__ import annotations

import json

from attnctl.spec import RunSpec
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past


def two_sweeps(past: Past) -> list[RunSpec]:
    small, large, shared, alone = specs = past.specs(4)
    for spec, size in zip(specs, (1_000, 5_000_000, 30_000, 200), strict=True):
        completed(past, spec)
        past.checkpoint(spec, "40-1.0.pt", b"x" * size)
    past.sweep("minor", [small, shared])
    past.sweep("major", [large, shared])
    return [small, large, shared, alone]


def test_sweeps_are_listed_from_the_largest_and_a_shared_run_counts_once_in_the_total(past: Past, attnctl: Run) -> None:
    small, large, shared, alone = two_sweeps(past)
    before = listing(past.root)
    lines = attnctl("du").out.splitlines()
    assert lines[0].split() == ["sweep", "runs", "checkpoints", "logs", "records", "total"]
    assert [line.split()[0] for line in lines[1:4]] == ["major", "minor", "(in"]
    assert lines[1].split()[1:4] == ["2", "5.0", "MB"]
    assert lines[-1].endswith("in total, 5.0 MB of it checkpoints")
    assert listing(past.root) == before
    document = json.loads(attnctl("du", "--json").out)
    assert document["total"]["checkpoints"] == 5_031_200
    assert document["sweeps"]["minor"]["checkpoints"] == 31_000
    assert document["sweeps"]["major"]["runs"] == [large.id, shared.id]
    assert document["runs"][alone.id]["checkpoints"] == 200
    assert document["runs"][small.id]["total"] == sum(
        path.stat().st_size for path in (past.root / "runs" / small.id).rglob("*") if path.is_file()
    )


def test_the_runs_of_a_sweep_are_listed_one_by_one(past: Past, attnctl: Run) -> None:
    _, large, shared, alone = two_sweeps(past)
    lines = attnctl("du", "major").out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["run", large.id[:8], shared.id[:8]]
    assert alone.id[:8] in attnctl("du", "--runs").out
    assert list(json.loads(attnctl("du", alone.id[:10], "--json").out)["runs"]) == [alone.id]
    assert_refused(attnctl("du", "nobody"), "an unknown name")


def test_an_empty_workspace_uses_nothing(past: Past, attnctl: Run) -> None:
    assert attnctl("du").out == "0 B in total, no checkpoints\n"
