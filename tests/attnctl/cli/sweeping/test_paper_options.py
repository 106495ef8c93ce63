"""`attnctl sweep --table` and `--figure`: what is asked for, what is refused, and what is planned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, assert_refused, listing


def test_the_standing_seeds_count_and_no_other_default(folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text('[defaults]\nseed = "0,1,2"\nepochs = 3\nbackbone = "resnet20"\n')
    document = json.loads(attnctl("sweep", "--table", "nam:2", "--run-on", "local", "--dry-run", "--json").out)
    assert {run["seed"] for run in document["runs"]} == {0, 1, 2}
    assert {run["backbone"] for run in document["runs"]} == {"mobilenet_v2"}
    assert 3 not in {run["recipe"]["epochs"] for run in document["runs"]}


REFUSED = {
    "nothing": ([], "missing MODULE or --table: name a module, such as ela, or a table, such as --table ela:5"),
    "both": (["ela", "--table", "ela:5"], "not both"),
    "a paper alone": (["--paper", "ean"], "--paper ean needs --table (1, 2, 3, 4, 5) or --figure (3, 4, 5a, 5b)"),
    "rows alone": (["--rows", "X"], "--rows needs --table"),
    "rows of a figure": (["--figure", "ean:3", "--rows", "X"], "--rows needs --table"),
    "a panel of a table": (["--table", "ean:3", "--panel", "1"], "--panel needs --figure"),
    "an unknown panel": (["--figure", "ela:1", "--panel", "4"], "figure 1 of ELA has no panel 4; panels: 1 to 3"),
    "a panel that is no number": (["--figure", "ela:1", "--panel", "one"], "--panel is one"),
    "a selection without a table": (["ela", "--select", "val"], "--select needs --table"),
    "table and figure": (["--table", "ean:2", "--figure", "ean:3"], "give either --table or --figure, not both"),
    "a table that no paper has": (["--table", "99"], "no paper has a table '99'"),
    "another paper": (
        ["--paper", "ela", "--table", "ean:2"],
        "table ean:2 is not in paper ela; give only one of the two",
    ),
    "an unknown paper": (["--table", "elaa:2"], "did you mean 'ela'"),
    "an unknown table": (["--table", "ean:9"], "it has 1, 2, 3, 4, 5"),
    "an unknown figure": (["--figure", "ean:9"], "it has 3, 4, 5a, 5b"),
    "no figure at all": (["--figure", "nam:1"], "it has no figures"),
    "a file that is not there": (["--table", "./my.toml:1"], "attnctl paper new my.toml"),
    "an unknown row": (["--table", "nam:1", "--rows", "ResNet5"], "did you mean 'ResNet50'"),
    "an empty row": (["--table", "nam:1", "--rows", "ResNet50,"], "a value is empty"),
    "a hyperparameter of a figure": (["--figure", "ean:3", "--G", "5"], "--G: a paper's figure has"),
    "a hyperparameter of a module in a figure": (["--figure", "ean:3", "-p", "ean.G=5"], "-p ean.G=5: a paper's"),
    "a hyperparameter of no row": (["--table", "ela:5", "--dilation", "5"], "--dilation: no module of this table"),
    "a hyperparameter of no chosen row": (["--table", "nam:2", "--rows", "*SE", "--gates", "both"], "these rows of"),
    "a module of no row": (["--table", "ela:5", "-p", "an.K=5"], "-p an.K: these rows of table ela:5 have"),
    "a place for modules": (["ela", "--also-placement", "stage"], "--also-placement needs --table"),
    "two places": (
        ["--table", "ela:5", "--placement", "block", "--also-placement", "stage"],
        "give either --placement",
    ),
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
def test_an_impossible_sweep_of_a_table_is_an_error_with_a_reason(
    words: list[str], said: str, dry: list[str], folder: Path, attnctl: Run
) -> None:
    result = attnctl("sweep", *words, *dry, "--run-on", "local")
    assert_refused(result, str(words))
    assert said in result.err
    assert listing(folder) == []


HOSTILE = ["", ":", "ean:", ":2", "ean", "x" * 20_000, "é:1", "../made:1", "\x1b[31mred", "a\nb:1"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("option", ["--table", "--figure", "--paper", "--rows"])
def test_hostile_values_are_one_line_errors(option: str, value: str, folder: Path, attnctl: Run) -> None:
    good = {"--paper": ["--table", "99"], "--rows": ["--table", "nam:1"]}.get(option, [])
    assert_refused(attnctl("sweep", *good, f"{option}={value}", "--dry-run"), f"{option} {value[:20]!r}")
    assert listing(folder) == []


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["--gates", "both,spatial"], ["MobileNetV2+NAM gates=both", "MobileNetV2+NAM gates=spatial"]),
        (["-p", "nam.gates=both"], ["MobileNetV2+NAM gates=both"]),
        (["--also-placement", "expansion"], ["MobileNetV2+NAM placement=expansion"]),
    ],
)
def test_rows_with_other_settings_stand_beside_those_of_the_table(
    words: list[str], rows: list[str], folder: Path, attnctl: Run
) -> None:
    asked = ["sweep", "--table", "nam:2", "--rows", "MobileNetV2,*NAM", *words]
    planned = json.loads(attnctl(*asked, "--run-on", "local", "--dry-run", "--json").out)
    assert [row["row"] for row in planned["rows"]] == ["MobileNetV2", "MobileNetV2+NAM", *rows]
    assert len(planned["runs"]) == 2 + len(rows)
