"""`attnctl sweep --table` and `--figure`: what is asked for, what is refused, and what is planned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.swept_tables import TINY


def test_a_dry_run_counts_runs_and_rows_and_writes_nothing(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--table", "ean:1", "--seed", "0,1", "--run-on", "local", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert "EAN table 1: 112 runs for 28 of 28 rows\n112 runs: 112 new" in result.out
    assert "missing: cifar10 is not whole" in result.out
    assert "MobileNetV2+EAN" in result.out
    assert listing(folder) == []


def test_rows_that_cannot_be_are_told_with_their_reason_once(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--figure", "ela:1", "--dataset", "digits", "--run-on", "local", "--dry-run")
    left_out = [line for line in result.out.splitlines() if line.startswith("left out")]
    assert [line.partition("rows): ")[2].partition(",")[0] for line in left_out] == [
        "yolox_nano is for the task detect",
        "deeplabv3 is for the task segment",
    ]
    assert "ELA figure 1: 10 runs for 10 of 24 rows" in result.out


def test_a_table_of_detectors_is_swept_and_goes_onto_other_data_and_backbones(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--paper", "ela", "--table", "7", "--run-on", "local", "--dry-run")
    assert "ELA table 7: 7 runs for 7 of 7 rows" in result.out
    assert "yolox_nano cspdarknet_nano  voc07" in result.out
    words = ("--table", "an:2", "--rows", "ResNet-50 AN", "--backbone", "resnet18", "--dataset", "digits-det")
    (run,) = json.loads(attnctl("sweep", *words, "--run-on", "local", "--dry-run", "--json").out)["runs"]
    assert (run["model"], run["backbone"], run["dataset"]) == ("maskrcnn", "resnet18", "digits-det")
    words = ("--table", "ela:6", "--rows", "YOLOF+CA", "--model", "fasterrcnn", "--placement", "block")
    (run,) = json.loads(attnctl("sweep", *words, "--run-on", "local", "--dry-run", "--json").out)["runs"]
    assert (run["model"], run["placement"]) == ("fasterrcnn", "block")


def test_as_json_each_row_names_its_runs(folder: Path, attnctl: Run) -> None:
    words = ("sweep", "--paper", "nam", "--table", "1", "--rows", "*NAM*", *TINY, "--dry-run", "--json")
    document = json.loads(attnctl(*words).out)
    assert (document["paper"], document["table"], document["overrides"]["dataset"]) == ("nam", "1", "digits")
    assert [row["row"] for row in document["rows"]] == ["ResNet50+NAM(ch)", "ResNet50+NAM(sp)"]
    assert [row["runs"] for row in document["rows"]] == [[[run["id"]]] for run in document["runs"]]


def test_the_candidates_of_a_row_are_told_apart(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--table", "ela:5", "--rows", "ResNet18", "--run-on", "local", "--dry-run")
    assert "ResNet18 lr=0.1 " in result.out
    assert "ResNet18 lr=0.05 " in result.out


def test_the_standing_seeds_count_and_no_other_default(folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text('[defaults]\nseed = "0,1,2"\nepochs = 3\nbackbone = "resnet20"\n')
    document = json.loads(attnctl("sweep", "--table", "nam:2", "--run-on", "local", "--dry-run", "--json").out)
    assert {run["seed"] for run in document["runs"]} == {0, 1, 2}
    assert {run["backbone"] for run in document["runs"]} == {"mobilenet_v2"}
    assert 3 not in {run["recipe"]["epochs"] for run in document["runs"]}


REFUSED = {
    "nothing": ([], "name MODULE, such as ela, or a paper's table"),
    "both": (["ela", "--table", "ela:5"], "not both"),
    "a paper alone": (["--paper", "ean"], "give --table 1, 2, 3, 4, 5 or --figure 3, 4, 5a, 5b"),
    "rows alone": (["--rows", "X"], "--rows chooses rows of a table"),
    "rows of a figure": (["--figure", "ean:3", "--rows", "X"], "--rows chooses rows of a table"),
    "table and figure": (["--table", "ean:2", "--figure", "ean:3"], "one of them"),
    "a table that no paper has": (["--table", "99"], "no paper has a table '99'"),
    "another paper": (["--paper", "ela", "--table", "ean:2"], "not of paper ela"),
    "an unknown paper": (["--table", "elaa:2"], "did you mean 'ela'"),
    "an unknown table": (["--table", "ean:9"], "it has 1, 2, 3, 4, 5"),
    "an unknown figure": (["--figure", "ean:9"], "it has 3, 4, 5a, 5b"),
    "no figure at all": (["--figure", "nam:1"], "it has none"),
    "a file that is not there": (["--table", "./my.toml:1"], "attnctl paper new my.toml"),
    "an unknown row": (["--table", "nam:1", "--rows", "ResNet5"], "did you mean 'ResNet50'"),
    "an empty row": (["--table", "nam:1", "--rows", "ResNet50,"], "a value is empty"),
    "a hyperparameter": (["--table", "ela:5", "--kernel", "5"], "--kernel: the rows of a paper's table have"),
    "a hyperparameter of a module": (["--table", "ela:5", "-p", "ela.kernel=5"], "-p ela.kernel=5: the rows"),
    "weights": (["--table", "ela:5", "--init", "x"], "--init"),
    "an unknown option": (["--table", "ela:5", "--lrr", "5"], "No such option: --lrr"),
    "two data sets": (["--table", "ela:5", "--dataset", "digits,cifar10"], "takes one value"),
    "an unknown data set": (["--table", "ela:5", "--dataset", "digit"], "did you mean 'digits'"),
    "a bad field": (["--table", "ela:5", "--epochs", "0"], "at least 1"),
    "a bad seed": (["--table", "ela:5", "--seed", "-1"], "seed is -1"),
    "an empty seed": (["--table", "ela:5", "--seed", "0,,1"], "a value is empty"),
    "data of another task": (["--table", "ela:3", "--dataset", "digits"], "data sets that fit: coco, digits-det"),
    "a model of another task": (["--table", "ela:3", "--model", "deeplabv3"], "nothing to train"),
    "an unknown model": (["--table", "ela:3", "--model", "fasterrcn"], "did you mean 'fasterrcnn'"),
    "only what is computed": (["--table", "nam:3"], "nothing to train"),
    "no placement": (["--table", "ean:1", "--rows", "MobileNetV2+SE", "--backbone", "resnet20"], "give --placement"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry", "real"])
def test_what_is_no_sweep_of_a_table_says_why(
    words: list[str], said: str, dry: list[str], folder: Path, attnctl: Run
) -> None:
    result = attnctl("sweep", *words, *dry, "--run-on", "local")
    assert_refused(result, str(words))
    assert said in result.err
    assert listing(folder) == []


HOSTILE = ["", ":", "ean:", ":2", "ean", "x" * 20_000, "é:1", "../made:1", "\x1b[31mred", "a\nb:1"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("option", ["--table", "--figure", "--paper", "--rows"])
def test_hostile_words_are_one_clear_line(option: str, value: str, folder: Path, attnctl: Run) -> None:
    good = {"--paper": ["--table", "99"], "--rows": ["--table", "nam:1"]}.get(option, [])
    assert_refused(attnctl("sweep", *good, f"{option}={value}", "--dry-run"), f"{option} {value[:20]!r}")
    assert listing(folder) == []
