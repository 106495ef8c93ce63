"""Runs that start from others: what is missing is named or trained first, and in order on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.papers import load
from attnctl.papers.runs import Overrides, cells_of
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, read_events
from tests.attnctl.cli.cli_run import Run, assert_refused, listing

CHAIN = """
name = "Mine"
title = "A chain"
[tables.1]
caption = "Classifiers"
dataset = "digits"
backbone = "resnet18"
train = { epochs = 1, batch = 512, norm_batch = 512, input_size = 8 }
[[tables.1.columns]]
key = "top1"
metric = "top1"
[[tables.1.rows]]
row = "R18"
top1 = "90"
[[tables.1.rows]]
row = "R18+SE"
module = "se"
top1 = "91"
[tables.2]
caption = "Segmenters"
model = "deeplabv3"
dataset = "digits-seg"
backbone = "resnet18"
train = { steps = 1, batch = 8, norm_batch = 8, input_size = 32 }
[[tables.2.columns]]
key = "miou"
metric = "miou"
[[tables.2.rows]]
row = "R18"
init = "mine:1/R18"
miou = "50"
[[tables.2.rows]]
row = "R18+SE"
module = "se"
init = "mine:1/R18+SE"
miou = "51"
"""
LOCAL = ("--run-on", "local", "--device", "cpu")


@pytest.fixture
def paper(folder: Path) -> str:
    (folder / "mine.toml").write_text(CHAIN)
    return "./mine.toml"


def test_bases_that_are_not_trained_are_named_with_the_command(paper: str, folder: Path, attnctl: Run) -> None:
    before = listing(folder)
    result = attnctl("sweep", "--table", f"{paper}:2", *LOCAL)
    assert_refused(result, "no base")
    assert result.err == (
        "attnctl: R18, R18+SE would start from runs that are not trained: se bias=false r=16 resnet18 digits, "
        "none resnet18 digits; add --with-bases to train them first\n"
    )
    assert listing(folder) == before
    dry = json.loads(attnctl("sweep", "--table", f"{paper}:2", *LOCAL, "--dry-run", "--json").out)
    assert len(dry["missing_weights"]) == 1
    planned = json.loads(attnctl("sweep", "--table", f"{paper}:2", *LOCAL, "--with-bases", "--dry-run", "--json").out)
    assert (len(planned["runs"]), planned["missing_weights"]) == (4, [])
    assert {run["loads"]["refusal"] for run in planned["runs"] if run["loads"]} == {""}


def test_bases_are_trained_first_with_the_same_seed(paper: str, folder: Path, attnctl: Run) -> None:
    words = ("sweep", "--table", f"{paper}:2", "--rows", "R18+SE", "--seed", "0,1", *LOCAL)
    result = attnctl(*words, "--with-bases", "--parallel", "2", "--json")
    assert result.code == 0, result.err
    runs = json.loads(result.out)["runs"]
    assert [run["model"] for run in runs] == ["", "", "deeplabv3", "deeplabv3"]
    workspace = Workspace(folder)
    for run in runs[2:]:
        spec = workspace.run(run["id"]).read_spec()
        assert spec.origin is not None
        assert (spec.base, spec.origin.seed, spec.origin.module) == (spec.origin.id, spec.seed, "se")
        start = workspace.run(spec.id).attempt(1).incarnation(0)
        (event,) = [one for one in read_events(start.events.read_bytes()) if one["kind"] == "initialised"]
        ended = Exit.read(workspace.run(spec.origin.id).attempt(1).incarnation(0).exit(0))
        assert ended is not None
        assert ended.outcome == "completed"
        assert ended.at < event["t"]
        assert not [name for name in event["missing"] if ".attention." in name]
    assert len({workspace.run(run["id"]).read_spec().lineage for run in runs[2:]}) == 1, "they are one row of a report"
    again = json.loads(attnctl(*words, "--json").out)["runs"]
    assert [run["action"] for run in again] == ["done", "done"], "what is completed needs no --with-bases"


def test_bases_have_settings_of_their_own(folder: Path, attnctl: Run) -> None:
    words = ("sweep", "--table", "ean:5", "--rows", "SE-ResNet50", "--dataset", "digits-det", *LOCAL, "--json")
    settings = ("--base", "dataset=digits", "--base", "epochs=1")
    asked = json.loads(attnctl(*words, "--with-bases", "--dry-run", *settings).out)
    base, run = asked["runs"]
    assert (base["dataset"], base["recipe"]["epochs"], base["module"]) == ("digits", 1, "se")
    (cells,) = cells_of(load("ean").tables["3"], Overrides(dataset="digits", fields={"epochs": "1"}), ["SE-R50"])
    assert base["id"] == cells.specs[0].id
    assert (run["dataset"], run["model"]) == ("digits-det", "fasterrcnn")
    overrides = Overrides.from_json(asked["overrides"])
    assert overrides.options() == ["--dataset", "digits-det", *settings]
