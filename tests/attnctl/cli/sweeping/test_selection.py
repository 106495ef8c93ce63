"""What a sweep asks for: a grid of modules, or the rows of a paper's table or figure."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.swept_tables import TINY


def test_rows_that_cannot_be_trained_are_reported_once_with_the_reason(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--figure", "ela:1", "--dataset", "digits", "--run-on", "local", "--dry-run")
    left_out = [line for line in result.out.splitlines() if line.startswith("skipped")]
    assert [line.partition("rows): ")[2].partition(",")[0] for line in left_out] == [
        "yolox_nano is for the task detect",
        "deeplabv3 is for the task segment",
    ]
    assert "ELA figure 1: 10 runs for 10 of 24 rows" in result.out


def test_a_table_of_detectors_can_be_swept_with_other_data_and_backbones(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--paper", "ela", "--table", "7", "--run-on", "local", "--dry-run")
    assert "ELA table 7: 7 runs for 7 of 7 rows" in result.out
    assert "yolox_nano cspdarknet_nano  voc07" in result.out
    words = ("--table", "an:2", "--rows", "ResNet-50 AN", "--backbone", "resnet18", "--dataset", "digits-det")
    (run,) = json.loads(attnctl("sweep", *words, "--run-on", "local", "--dry-run", "--json").out)["runs"]
    assert (run["model"], run["backbone"], run["dataset"]) == ("maskrcnn", "resnet18", "digits-det")
    words = ("--table", "ela:6", "--rows", "YOLOF+CA", "--model", "fasterrcnn", "--placement", "block")
    (run,) = json.loads(attnctl("sweep", *words, "--run-on", "local", "--dry-run", "--json").out)["runs"]
    assert (run["model"], run["placement"]) == ("fasterrcnn", "block")


def test_each_row_of_the_json_lists_its_runs(folder: Path, attnctl: Run) -> None:
    words = ("sweep", "--paper", "nam", "--table", "1", "--rows", "*NAM*", *TINY, "--dry-run", "--json")
    document = json.loads(attnctl(*words).out)
    assert (document["paper"], document["table"], document["overrides"]["dataset"]) == ("nam", "1", "digits")
    assert [row["row"] for row in document["rows"]] == ["ResNet50+NAM(ch)", "ResNet50+NAM(sp)"]
    assert [row["runs"] for row in document["rows"]] == [[[run["id"]]] for run in document["runs"]]


def test_the_candidates_of_a_row_are_distinguished(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--table", "ela:5", "--rows", "ResNet18", "--run-on", "local", "--dry-run")
    assert "ResNet18 lr=0.1 " in result.out
    assert "ResNet18 lr=0.05 " in result.out
