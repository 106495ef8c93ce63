"""`attnctl reproduce`, of a small paper whose second table starts from its first, really trained."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Submission
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.fixtures.fake_slurm import Fake

CLASSIFIERS = """
[tables.1]
caption = "Classifiers"
dataset = "digits"
backbone = "resnet20"
train = { epochs = 1, batch = 512, norm_batch = 512, input_size = 8 }
columns = [{ key = "top1", metric = "top1" }]
[[tables.1.rows]]
row = "R20"
top1 = "90"
"""
PAPER = f"""
name = "Mine"
title = "A chain"
{CLASSIFIERS}[[tables.1.rows]]
row = "R20+SE"
module = "se"
top1 = "91"
[tables.2]
caption = "Trained further"
dataset = "digits"
backbone = "resnet20"
train = {{ epochs = 1, batch = 256, norm_batch = 256, input_size = 8 }}
columns = [{{ key = "top1", metric = "top1" }}]
[[tables.2.rows]]
row = "R20"
init = "mine:1/R20"
top1 = "92"
[[tables.2.rows]]
row = "R20+SE"
module = "se"
init = "mine:1/R20+SE"
top1 = "93"
[[claims]]
claim = "SE improves what is trained further"
section = "4.2"
table = "2"
rows = ["R20+SE"]
than = ["R20"]
"""
LOCAL = ("--run-on", "local", "--device", "cpu")
PLAN = (*LOCAL, "--dry-run", "--json")


@pytest.fixture
def paper(folder: Path) -> str:
    (folder / "mine.toml").write_text(PAPER)
    return "./mine.toml"


def test_the_graph_has_the_rows_and_what_they_start_from_first(paper: str, folder: Path, attnctl: Run) -> None:
    before = listing(folder)
    document = json.loads(attnctl("reproduce", paper, "--seeds", "2", *PLAN).out)
    assert listing(folder) == before
    runs = document["runs"]
    assert [(run["rows"], run["seed"]) for run in runs] == [
        ([row], seed) for seed in (0, 1) for row in ("1/R20", "1/R20+SE", "2/R20", "2/R20+SE")
    ]
    by_row = {(run["rows"][0], run["seed"]): run for run in runs}
    assert by_row["2/R20", 1]["base"] == by_row["1/R20", 1]["id"]
    assert {run["comparisons"] for run in runs} == {1}
    assert {run["action"] for run in runs} == {"new"}
    assert all(run["seconds"]["low"] < run["seconds"]["likely"] < run["seconds"]["high"] for run in runs)


def test_one_table_takes_its_bases_along(paper: str, attnctl: Run) -> None:
    document = json.loads(attnctl("reproduce", paper, "--table", "2", *PLAN).out)
    assert [run["rows"] for run in document["runs"]] == [["(base)"], ["2/R20"], ["(base)"], ["2/R20+SE"]]


def test_a_budget_trains_bases_before_what_starts_from_them(paper: str, attnctl: Run) -> None:
    everything = json.loads(attnctl("reproduce", paper, *PLAN).out)["runs"]
    first = everything[0]["seconds"]["likely"]
    runs = json.loads(attnctl("reproduce", paper, "--budget", f"{1.001 * first / 3600}", *PLAN).out)["runs"]
    assert [run["rows"] for run in runs if run["chosen"]] == [["1/R20"]]
    chosen = {run["id"] for run in runs if run["chosen"]}
    assert all(run["base"] in {None, *chosen} for run in runs if run["chosen"])
    printed = attnctl("reproduce", paper, "--budget", "0", *LOCAL, "--dry-run").out
    assert "the budget of 0 CPU process-hours covers 0 runs; 4 runs would exceed it" in printed


RULES = """
[slurm]
time = 10
[[slurm.rules]]
module = "se"
nodes = 2
time = 90
"""


def test_the_plan_has_the_resources_that_rules_give_each_run_as_that_of_a_sweep(
    paper: str, folder: Path, attnctl: Run, fake: Fake
) -> None:
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    fake.does("sbatch", "cat > /dev/null")
    (folder / "attnctl.toml").write_text(RULES)
    refused = attnctl("reproduce", paper, "--table", "1", "--run-on", "slurm", "--device", "cpu", "--dry-run")
    assert "2 processes cannot share batch 512" in refused.err
    (folder / "mine.toml").write_text(PAPER.replace("norm_batch = 512", "norm_batch = 256"))
    words = ("--run-on", "slurm", "--device", "cpu", "--dry-run")
    document = json.loads(attnctl("reproduce", paper, "--table", "1", *words, "--json").out)
    plain, ruled = document["shapes"]
    assert [(item["resources"]["world"], item["resources"]["minutes"]) for item in (plain, ruled)] == [(1, 10), (2, 90)]
    assert [item["rules"] for item in (plain, ruled)] == [[], ["rule 1 (module=se)"]]
    swept = json.loads(attnctl("sweep", "--table", "./mine.toml:1", *words, "--json").out)
    assert swept["shapes"] == document["shapes"]
    assert swept["cost"]["hours"] == pytest.approx(document["cost"]["hours"])
    seconds = {run["module"]: run["seconds"]["likely"] for run in document["runs"]}
    hours = (seconds["none"] + 2 * seconds["se"]) / 3600
    assert document["cost"]["hours"] == pytest.approx(hours)
    covered = attnctl("reproduce", paper, "--table", "1", *words, "--budget", str(0.99 * hours)).out
    assert "covers 1 run; 1 run would exceed it" in " ".join(covered.split())
    shown = attnctl("reproduce", paper, "--table", "1", *words).out
    assert "rule 1 (module=se)" in shown


def test_a_paper_is_trained_judged_and_not_trained_again(paper: str, attnctl: Run) -> None:
    done = attnctl("reproduce", paper, *LOCAL)
    assert done.code == 0, done.err
    assert "Mine: 4 runs: 4 new" in done.out
    assert "SE improves what is trained further" in done.out
    status = json.loads(attnctl("status", "--json").out)["runs"]
    assert [run["state"] for run in status] == ["completed"] * 4

    again = attnctl("reproduce", paper, *LOCAL)
    assert again.code == 0, again.err
    assert "Mine: 4 runs: 4 done" in again.out
    assert "SE improves what is trained further" in again.out
    assert len(json.loads(attnctl("status", "--json").out)["runs"]) == 4


COMPARED = f"""
name = "Mine"
title = "Three classifiers"
{CLASSIFIERS}[[tables.1.rows]]
row = "R20+ECA"
module = "eca"
top1 = "91"
[[tables.1.rows]]
row = "R20+SE"
module = "se"
top1 = "92"
[[claims]]
claim = "SE is better than the others"
section = "4"
table = "1"
rows = ["R20+SE"]
than = ["R20", "R20+ECA"]
"""


def test_the_most_compared_rows_are_trained_first_and_a_failed_run_is_named(folder: Path, attnctl: Run) -> None:
    (folder / "mine.toml").write_text(COMPARED)
    assert attnctl("reproduce", "./mine.toml", *LOCAL).code == 0
    workspace = Workspace(folder)
    (tag,) = workspace.submission_tags()
    submission = Submission.read(workspace.submission(tag))
    assert submission is not None
    modules = [workspace.run(run).read_spec().module for run, _ in submission.tasks]
    assert modules == ["se", "none", "eca"]
    first = submission.tasks[0][0]
    failed = Exit(rank=0, at=time.time(), outcome="code error", message="it broke", step=1)
    write_atomic(workspace.run(first).attempt(1).incarnation(0).exit(0), failed.encode())
    again = attnctl("reproduce", "./mine.toml", *LOCAL)
    assert "Mine: 3 runs: 2 done, 1 failed" in again.out
    assert f"failed: 1/R20+SE, run {first}: " in again.out
    assert "it broke" in again.out
    assert "--retry-failed runs all of them again" in again.out


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
