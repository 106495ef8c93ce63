"""`sweep` of papers' tables and figures: what is asked for, what is written down, and how a table is found again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl import papers
from attnctl.cli import sweep_records
from attnctl.cli.reporting import paper_tables
from attnctl.cli.sweep_records import OfPaper
from attnctl.db import open_index
from attnctl.papers.runs import Overrides
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run, assert_refused, listing

SMALL = ("--dataset", "digits", "--epochs", "1", "--batch", "256", "--norm-batch", "128", "--run-on", "local")
TINY = (*SMALL, "--backbone", "resnet20", "--placement", "block")

MINE = """
name = "Mine"
title = "A paper of one's own"
[tables.1]
caption = "One row"
dataset = "digits"
[[tables.1.columns]]
key = "top1"
metric = "top1"
[[tables.1.rows]]
row = "plain"
backbone = "resnet20"
"""


def record(folder: Path) -> Sweep:
    (path,) = (folder / "sweeps").glob("*.json")
    found = Sweep.read(path)
    assert found is not None
    return found


# ------------------------------------------------------------------------------------------------------------ dry runs


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


# ------------------------------------------------------------------------------------------------------------- records


def test_the_record_says_of_which_table_it_is_and_a_second_sweep_goes_on(folder: Path, attnctl: Run) -> None:
    words = ("sweep", "--table", "nam:1", "--rows", "ResNet50,ResNet50+SE", *TINY)
    first = attnctl(*words)
    assert first.code == 0, first.err
    assert "NAM table 1: 2 runs for 2 of 2 rows, with backbone=resnet20 placement=block dataset=digits" in first.out
    assert "2 done; next: attnctl report --table nam:1" in first.out
    found = record(folder)
    assert found.name.startswith("nam-1-")
    assert (found.paper, found.table, found.figure, len(found.runs)) == ("nam", "1", "", 2)
    assert Overrides.from_json(found.overrides).fields == {"epochs": "1", "batch": "256", "norm_batch": "128"}
    again = attnctl("sweep", "--table", "1", "--rows", "ResNet50,ResNet50+SE", *TINY, "--dry-run")
    assert "2 runs: 2 done" in again.out
    assert again.err == "table 1 of NAM, the only paper swept in this workspace\n"
    listed = json.loads(attnctl("papers", "nam", "--json").out)["papers"][0]["parts"][0]
    assert (listed["done"], listed["trainable"]) == (2, 7)
    assert listed["changed"].startswith("backbone=resnet20 placement=block dataset=digits")
    shown = attnctl("papers", "nam").out
    assert "done: 2 of 7 trainings" in shown
    with open_index(Workspace(folder)) as index:
        index.refresh()
        table = paper_tables.chosen(None, "1", index)
        assert table.name == "nam:1"
        assert paper_tables.overrides_for(index, table).words() == listed["changed"]
        given = Overrides(dataset="cifar10", seeds=("5",))
        assert paper_tables.overrides_for(index, table, given) == given


def sweep_of(workspace: Workspace, name: str, overrides: Overrides, *, at: float = 0.0, **part: str) -> None:
    sweep = Sweep(name=name, created=at, command=[], runs=[], overrides=overrides.to_json(), **part)
    workspace.sweeps.mkdir(parents=True, exist_ok=True)
    workspace.sweep(name).write_bytes(sweep.encode())


def test_what_was_trained_is_that_of_the_newest_sweep_with_the_seeds_of_all_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path)
    small, smaller = Overrides(dataset="digits", fields={"epochs": "3"}), Overrides(dataset="digits")
    sweep_of(workspace, "a", small, at=1, paper="nam", table="1")
    sweep_of(workspace, "b", smaller, at=2, paper="nam", table="1")
    sweep_of(workspace, "c", Overrides.from_json(small.to_json() | {"seeds": ["2", "1"]}), at=3, paper="nam", table="1")
    sweep_of(workspace, "d", smaller, at=4, paper="ean", table="1")
    sweep_of(workspace, "e", smaller, at=5, paper="nam", figure="1")
    with open_index(workspace) as index:
        index.refresh()
        assert [sweep.name for sweep in index.table_sweeps()] == ["e", "d", "c", "b", "a"]
        table = papers.load("nam").tables["1"]
        found = paper_tables.overrides_for(index, table)
        assert (found.words(), found.seeds) == ("dataset=digits epochs=3", ("0", "2", "1"))
        assert "measured with dataset=digits epochs=3, not as the paper has it (sweep c)" in capsys.readouterr().err
        assert paper_tables.overrides_for(index, table, Overrides(seeds=("7",))).seeds == ("7",)
        assert paper_tables.overrides_for(index, papers.load("nam").tables["2"]) == Overrides()
        with pytest.raises(SpecError, match=r"EAN, NAM were swept here; instead of 1 type ean:1 or nam:1"):
            paper_tables.chosen(None, "1", index)


def test_a_users_paper_is_found_from_any_folder(folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "my.toml").write_text(MINE)
    (folder.parent / "outside.toml").write_text(MINE.replace('"Mine"', '"Outside"'))
    workspace = Workspace(folder)
    for file, name in (("./my.toml", "./my.toml"), ("../outside.toml", str(folder.parent / "outside.toml"))):
        assert paper_tables.recorded_name(papers.load(file), workspace) == name
    assert attnctl("sweep", "--table", "./my.toml:1", *SMALL, "--dry-run").code == 0
    sweep_of(workspace, "a", Overrides(), paper="./my.toml", table="1")
    (folder / "below").mkdir()
    for place in (folder, folder / "below"):
        monkeypatch.chdir(place)
        found = attnctl("--workspace", str(folder), "sweep", "--table", "1", *SMALL, "--dry-run")
        assert (found.code, found.err) == (0, "table 1 of Mine, the only paper swept in this workspace\n")
        assert "my.toml:1" in attnctl("--workspace", str(folder), "papers").out
    (folder / "my.toml").unlink()
    assert (
        "no paper, and no module of a paper, was swept here"
        in attnctl("--workspace", str(folder), "sweep", "--table", "1").err
    )


def test_one_name_is_not_of_two_tables(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first = OfPaper(paper="nam", table="1", overrides={"seeds": ["0"]})
    sweep_records.record(workspace, "mine", "nam-1", ["a"], [], first)
    sweep_records.record(
        workspace, "mine", "nam-1", ["b"], [], OfPaper(paper="nam", table="1", overrides={"seeds": ["1"]})
    )
    sweep_records.record(workspace, "mine", "ela", ["c"], [])
    found = sweep_records.read(workspace, "mine")
    assert (found.runs, found.paper, found.table, found.overrides) == (["a", "b", "c"], "nam", "1", {"seeds": ["1"]})
    for other in (OfPaper(paper="nam", table="2"), OfPaper(paper="nam", figure="1"), OfPaper(paper="ean", table="1")):
        with pytest.raises(SpecError, match="sweep 'mine' is of nam's table 1; choose another --name"):
            sweep_records.record(workspace, "mine", "x", ["d"], [], other)
