"""`attnctl reproduce`, of a small paper whose second table starts from its first, really trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.sweeping.test_bases import CHAIN, LOCAL

CLAIM = """
[[claims]]
claim = "SE improves the segmenter"
section = "4.2"
table = "2"
rows = ["R18+SE"]
than = ["R18"]
"""
PLAN = (*LOCAL, "--dry-run", "--json")


@pytest.fixture
def paper(folder: Path) -> str:
    (folder / "mine.toml").write_text(CHAIN + CLAIM)
    return "./mine.toml"


def test_the_graph_has_the_rows_and_what_they_start_from_first(paper: str, folder: Path, attnctl: Run) -> None:
    before = listing(folder)
    document = json.loads(attnctl("reproduce", paper, "--seeds", "2", *PLAN).out)
    assert listing(folder) == before
    runs = document["runs"]
    assert [(run["rows"], run["seed"]) for run in runs] == [
        ([row], seed) for seed in (0, 1) for row in ("1/R18", "2/R18", "1/R18+SE", "2/R18+SE")
    ]
    by_row = {(run["rows"][0], run["seed"]): run for run in runs}
    assert by_row["2/R18", 1]["base"] == by_row["1/R18", 1]["id"]
    assert {run["comparisons"] for run in runs} == {1}
    assert {run["action"] for run in runs} == {"new"}
    assert all(run["seconds"]["low"] < run["seconds"]["likely"] < run["seconds"]["high"] for run in runs)


def test_one_table_takes_its_bases_along(paper: str, attnctl: Run) -> None:
    document = json.loads(attnctl("reproduce", paper, "--table", "2", *PLAN).out)
    assert [run["rows"] for run in document["runs"]] == [["(base)"], ["2/R18"], ["(base)"], ["2/R18+SE"]]


def test_a_budget_trains_bases_before_what_starts_from_them(paper: str, attnctl: Run) -> None:
    everything = json.loads(attnctl("reproduce", paper, *PLAN).out)
    seconds = [run["seconds"]["likely"] for run in everything["runs"]]
    hours = (seconds[0] + seconds[1] / 2) / 3600
    document = json.loads(attnctl("reproduce", paper, "--budget", f"{hours}", *PLAN).out)
    chosen = [run["rows"][0] for run in document["runs"] if run["chosen"]]
    assert "1/R18" in chosen
    assert "2/R18" not in chosen
    printed = attnctl("reproduce", paper, "--budget", "0", *LOCAL, "--dry-run").out
    assert "the budget of 0 CPU process-hours covers 0 runs; 4 runs would exceed it" in printed


def test_a_paper_is_trained_judged_and_not_trained_again(paper: str, attnctl: Run) -> None:
    done = attnctl("reproduce", paper, *LOCAL)
    assert done.code == 0, done.err
    assert "Mine: 4 runs: 4 new" in done.out
    assert "SE improves the segmenter" in done.out
    status = json.loads(attnctl("status", "--json").out)["runs"]
    assert [run["state"] for run in status] == ["completed"] * 4

    again = attnctl("reproduce", paper, *LOCAL)
    assert again.code == 0, again.err
    assert "Mine: 4 runs: 4 done" in again.out
    assert "SE improves the segmenter" in again.out
    assert len(json.loads(attnctl("status", "--json").out)["runs"]) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--json",), "--json needs --dry-run; `attnctl verdict PAPER --json` gives the results"),
        (("--table", "9"), "Mine has no table '9'; known: 1, 2"),
        (("--set", "9:epochs=3"), "--set '9:epochs=3': table '9' is not reproduced; known: 1, 2"),
    ],
)
def test_what_cannot_be_reproduced_is_one_line(
    paper: str, folder: Path, attnctl: Run, words: tuple[str, ...], message: str
) -> None:
    before = listing(folder)
    result = attnctl("reproduce", paper, *words, *LOCAL)
    assert_refused(result, message[:20])
    assert result.err == f"attnctl: {message}\n"
    assert listing(folder) == before
