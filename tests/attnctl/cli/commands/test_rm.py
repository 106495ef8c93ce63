"""`attnctl rm`: runs, and sweeps, with --runs their runs too."""

from __future__ import annotations

import json

import pytest

from attnctl.grid import Axes, expand
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
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


def test_a_run_is_removed_with_its_results_and_from_the_sweeps_that_list_it(past: Past, attnctl: Run) -> None:
    mine, other = past.specs(2)
    completed(past, mine)
    completed(past, other)
    past.sweep("first", [mine, other])
    refused = attnctl("rm", mine.id)
    assert_refused(refused, "nobody is there to agree")
    assert "sweep first" in refused.err
    result = attnctl("rm", mine.id[:8], "--yes")
    assert (result.code, result.out) == (0, f"run {mine.id} is removed, also from sweep first\n")
    assert [path.name for path in (past.root / "runs").iterdir()] == [other.id]
    (sweep,) = json.loads(attnctl("sweeps", "--json").out)["sweeps"]
    assert (sweep["runs"], sweep["states"]) == ([other.id], {"completed": 1})
    document = json.loads(attnctl("rm", other.id, "--yes", "--json").out)
    assert document == {"sweep": "", "removed": [other.id], "kept": {}, "sweeps": ["first"]}
    assert_refused(attnctl("rm", other.id, "--yes"), "it is gone")


def test_a_run_whose_weights_another_starts_from_is_refused_with_the_name_of_the_other(
    past: Past, attnctl: Run
) -> None:
    (base,) = past.specs(1)
    (follower,) = expand(Axes(modules=("eca",), init=f"run:{base.id}")).specs
    completed(past, base)
    completed(past, follower)
    before = listing(past.root / "runs")
    refused = attnctl("rm", base.id, "--yes")
    assert_refused(refused, "another run needs it")
    assert follower.id in refused.err
    assert listing(past.root / "runs") == before
    assert attnctl("rm", follower.id, "--yes").code == 0
    assert attnctl("rm", base.id, "--yes").code == 0
    assert list((past.root / "runs").iterdir()) == []


def test_an_active_run_is_not_removed(past: Past, attnctl: Run) -> None:
    (active,) = past.specs(1)
    past.attempt(active, "RUNNING")
    before = listing(past.root / "runs")
    assert_refused(attnctl("rm", active.id, "--yes"), "it is active, or nobody knows")
    assert listing(past.root / "runs") == before


def test_runs_is_an_option_for_sweeps(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    completed(past, spec)
    assert_refused(attnctl("rm", spec.id, "--runs", "--yes"), "a run with --runs")


@pytest.mark.parametrize("words", [["../x"], [""], ["é"], ["$(touch made)"], ["x" * 300], ["a", "b"]])
def test_rm_refuses_unknown_names(past: Past, attnctl: Run, words: list[str]) -> None:
    result = attnctl("rm", "--yes", "--", *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert listing(past.root) == ["attnctl.toml"]
