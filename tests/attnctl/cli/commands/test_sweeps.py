"""`attnctl sweeps`: what was asked for here, when, and what became of it."""

from __future__ import annotations

import json

import pytest

from attnctl.units import clock
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.finished_runs import completed
from tests.attnctl.cli.past_runs import Past, left


def test_sweeps_are_listed_with_their_runs_by_state_dates_and_command(past: Past, attnctl: Run) -> None:
    done, failed, alone, another = past.specs(4)
    for spec in (done, another, alone):
        completed(past, spec)
    past.attempt(failed, "FAILED", exit=left("error", "KeyError"))
    past.sweep("first", [done, failed, another])
    document = json.loads(attnctl("sweeps", "--json").out)
    (sweep,) = document["sweeps"]
    assert sweep["name"] == "first"
    assert sweep["runs"] == [done.id, failed.id, another.id]
    assert sweep["states"] == {"completed": 2, "code error": 1}
    assert sweep["command"] == ["attnctl", "sweep", "se"]
    assert (sweep["created"], sweep["last_change"] > 1.0) == (1.0, True)
    text = attnctl("sweeps").out
    for words in ("first", clock(1.0, seconds=False), "2 completed, 1 code error", "attnctl sweep se"):
        assert words in text
    assert text.endswith("1 sweep; 1 run in no sweep\n")


def test_a_run_without_a_folder_counts_as_missing(past: Past, attnctl: Run) -> None:
    done, gone = past.specs(2)
    completed(past, done)
    past.sweep("first", [done, gone])
    (sweep,) = json.loads(attnctl("sweeps", "--json").out)["sweeps"]
    assert sweep["states"] == {"completed": 1, "missing": 1}


def test_a_damaged_record_is_named_and_the_others_are_listed(past: Past, attnctl: Run) -> None:
    (spec,) = past.specs(1)
    completed(past, spec)
    past.sweep("first", [spec])
    (past.root / "sweeps/broken.json").write_text("{")
    result = attnctl("sweeps")
    assert (result.code, "first" in result.out, result.err.count("\n")) == (0, True, 1)
    assert "broken.json" in result.err
    assert list(json.loads(attnctl("sweeps", "--json").out)["broken"]) == ["broken"]


def test_a_workspace_without_sweeps_says_so_and_nothing_is_written(past: Past, attnctl: Run) -> None:
    before = listing(past.root)
    assert attnctl("sweeps").out == "0 sweeps\n"
    assert listing(past.root) == before


@pytest.mark.parametrize("words", [["first"], ["--state"], ["--json", "x"]])
def test_sweeps_takes_no_words(past: Past, attnctl: Run, words: list[str]) -> None:
    result = attnctl("sweeps", *words)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
