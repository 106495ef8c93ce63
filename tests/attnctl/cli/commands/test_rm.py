"""`attnctl rm`: sweeps, and with --runs their runs too."""

from __future__ import annotations

import json

import pytest

from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past


def test_a_sweep_is_deleted_and_its_runs_only_on_request(past: Past, attnctl: Run) -> None:
    mine, shared = past.specs(2)
    completed(past, mine)
    completed(past, shared)
    past.sweep("first", [mine, shared])
    past.sweep("second", [shared])
    assert attnctl("rm", "first").code == 2  # nobody is there to agree
    assert attnctl("rm", "first", "--yes").code == 0
    assert sorted(path.name for path in (past.root / "runs").iterdir()) == sorted([mine.id, shared.id])
    past.sweep("first", [mine, shared])
    document = json.loads(attnctl("rm", "first", "--runs", "--yes", "--json").out)
    assert document["removed"] == [mine.id]
    assert document["kept"] == {shared.id: "sweep second contains it"}
    assert [path.name for path in (past.root / "runs").iterdir()] == [shared.id]
    assert [row["id"] for row in json.loads(attnctl("status", "--json").out)["runs"]] == [shared.id]
    assert attnctl("rm", "first", "--yes").code == 2


def test_while_a_run_is_under_way_nothing_is_removed(past: Past, attnctl: Run) -> None:
    done, active = past.specs(2)
    completed(past, done)
    past.attempt(active, "RUNNING")
    past.sweep("first", [done, active])
    attnctl("status")
    before = listing(past.root)
    result = attnctl("rm", "first", "--runs", "--yes")
    assert result.code == 2
    assert "does not answer" in result.err or "under way" in result.err
    assert listing(past.root) == before


@pytest.mark.parametrize("words", [["../x"], [""], ["é"], ["$(touch made)"], ["x" * 300], ["a", "b"]])
def test_rm_refuses_unknown_names(past: Past, attnctl: Run, words: list[str]) -> None:
    result = attnctl("rm", "--yes", "--", *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert listing(past.root) == ["attnctl.toml"]
