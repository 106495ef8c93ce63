"""`attnctl eval`: results of their own, of networks that were really trained."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.workspace import evaluations, predictions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.exchange_cases import write_attempt
from tests.jobs.data.test_evaluated import write_digits


def test_the_test_set_gives_what_the_run_recorded_and_changes_no_record(trained: Path, attnctl: Run) -> None:
    runs = Workspace(trained).run_ids()
    recorded = {run: json.loads(attnctl("show", run, "--json").out)["metrics"] for run in runs}
    found = json.loads(attnctl("eval", "first", "--keep-predictions", "--json").out)
    assert {row["run"] for row in found["runs"]} == set(runs)
    for row in found["runs"]:
        for name in ("top1", "top5", "loss"):
            assert row["metrics"][name] == pytest.approx(recorded[row["run"]][name], rel=1e-5), name
        assert json.loads(attnctl("show", row["run"], "--json").out)["metrics"] == recorded[row["run"]]
        (kept,) = evaluations.read(Workspace(trained).run(row["run"]))
        found_classes = predictions.read(Workspace(trained).run(row["run"]), kept)
        assert found_classes is not None
        assert found_classes.right.mean() * 100 == pytest.approx(kept.metrics["top1"])
    (pair,) = found["pairs"]
    assert pair["with"] == found["runs"][0]["run"]
    difference = (found["runs"][1]["metrics"]["top1"] - found["runs"][0]["metrics"]["top1"]) * 360 / 100
    assert pair["only_run"] - pair["only_with"] == pytest.approx(difference)
    assert 0 < pair["p"] <= 1


def test_corrupted_copies_are_a_line_each_and_predictions_a_file(trained: Path, attnctl: Run) -> None:
    run = Workspace(trained).run_ids()[0]
    for place in ("shot/1", "shot/2", "blur/1"):
        write_digits(trained / "digits-c" / place, each=1)
    done = attnctl("eval", run, "--dataset", "./digits-c", "--by-class", "--confusion", "-o", "found.csv")
    assert (done.code, done.err) == (0, "written: found.csv\n")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["run", "images", "of", "number", "top1", "top5", "loss", "ece"]
    assert [line[1:3] for line in lines[1:4]] == [["blur", "10"], ["shot", "20"], ["./digits-c", "(test)"]]
    assert ["run", "class", "right", "accuracy"] in lines
    assert any(line[:4] == ["run", "class", "predicted", "as"] for line in lines)
    with (trained / "found.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["corruption"], row["severity"]) for row in rows[::10]] == [("blur", "1"), ("shot", "1"), ("shot", "2")]
    assert {row["run"] for row in rows} == {run}
    assert all((row["class"] == row["predicted"]) == (row["right"] == "1") for row in rows)


def test_an_invalid_request_writes_nothing(trained: Path, attnctl: Run) -> None:
    run = Workspace(trained).run_ids()[0]
    before = listing(trained)
    for words in (
        ["--dataset", "digitz"],
        ["--dataset", "./nowhere"],
        ["--dataset", ""],
        ["--split", "val"],
        ["--split", "all"],
        ["--dataset", "digits-det"],
        ["--dataset", ".", "--split", "train"],
        ["-o", "no/where.csv"],
        ["--columns", "top2"],
        ["--columns", "ap"],
        ["--columns", "top1,"],
    ):
        assert_refused(attnctl("eval", run, *words), str(words))
    assert_refused(attnctl("eval", "feed"), "no such run")
    assert listing(trained) == before


def test_columns_are_printed_in_the_order_in_which_they_were_asked_for(trained: Path, attnctl: Run) -> None:
    run = Workspace(trained).run_ids()[0]
    done = attnctl("eval", run, "--columns", "ece,top1")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].split() == ["run", "images", "of", "number", "ece", "top1"]


def test_runs_of_a_sweep_that_did_not_complete_are_left_out_and_named(trained: Path, attnctl: Run) -> None:
    workspace = Workspace(trained)
    ids = workspace.run_ids()
    failed = expand(Axes(modules=("se",), seeds=("77",))).specs[0]
    write_attempt(workspace, failed, 1, {}, nonce="f", outcome="code error")
    for name, runs in (("mixed", [ids[0], failed.id]), ("failed", [failed.id])):
        write_atomic(workspace.sweep(name), Sweep(name=name, created=1.0, command=["sweep"], runs=runs).encode())
    done = attnctl("eval", "mixed", "--columns", "top1")
    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == [ids[0][:8]]
    assert f"run {failed.id} is left out: it is not completed, but code error" in " ".join(done.err.split())
    document = json.loads(attnctl("eval", "mixed", "--json").out)
    assert [item["run"] for item in document["runs"]] == [ids[0]]
    assert document["left_out"] == {failed.id: "code error"}
    refused = attnctl("eval", "failed")
    assert_refused(refused, "failed")
    assert f"none of these runs is completed: {failed.id[:8]} (code error)" in refused.err
    assert "has no checkpoint" in attnctl("eval", failed.id).err


def test_own_metrics_are_computed_and_runs_of_several_named(
    folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (folder / "scores.py").write_text(
        "def share(logits, labels):\n    return float((logits.argmax(1) == labels).double().mean())\n"
    )
    tiny = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256", "--run-on", "local")
    swept = attnctl("sweep", "none,se", *tiny, "--metrics", "./scores.py:share", "--name", "own")
    assert swept.code == 0, swept.err
    found = json.loads(attnctl("eval", "own", "--json").out)["runs"]
    for row in found:
        assert row["metrics"]["share"] == pytest.approx(row["metrics"]["top1"] / 100)
    done = attnctl("eval", "own", "--columns", "share,top1")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["run", "module", "images", "of", "number", "share", "top1"]
    assert {line[1] for line in lines[1:3]} == {"none", "se"}


def test_detectors_and_segmentation_networks_are_evaluated(
    untrained_networks: Path, tmp_path: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(untrained_networks))
    workspace = Workspace(untrained_networks)
    specs = [workspace.run(run).read_spec() for run in workspace.run_ids()]
    detector, segmenter = (
        next(spec.id for spec in specs if spec.model == name) for name in ("ssdlite320", "deeplabv3")
    )
    done = attnctl("eval", detector, segmenter, "--columns", "miou,ap50,ap")
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == ["run", detector[:8], segmenter[:8]]
    (found,) = evaluations.read(workspace.run(detector))
    assert found.dataset == "digits-det"
    assert "ap" in found.metrics
    done = attnctl("eval", detector, segmenter, "--by-class", "--class-output", "classes.csv", "--json")
    rows = {run["run"]: run["classes"] for run in json.loads(done.out)["runs"]}
    assert {row["class"] for row in rows[detector]} == set("0123456789")
    assert all(set(row) == {"class", "ap", "ap50", "ap75"} for row in rows[detector])
    mean = sum(row["ap"] for row in rows[detector]) / len(rows[detector])
    assert mean == pytest.approx(found.metrics["ap"])
    assert all(set(row) == {"class", "iou"} for row in rows[segmenter])
    with Path("classes.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == len(rows[detector]) + len(rows[segmenter])
    assert float(lines[0]["ap"]) == rows[detector][0]["ap"]
    Path("classes.csv").unlink()
    shown = json.loads(attnctl("show", detector, "--json").out)["evaluations"]
    assert [item["classes"] for item in shown] == [rows[detector]]
    assert "evaluated on digits-det (test)" in attnctl("show", detector).out
    for words in (["--confusion"], ["--keep-predictions"]):
        assert_refused(attnctl("eval", detector, *words), "is for classifiers")
    assert_refused(attnctl("eval", segmenter, "-o", "found.csv"), "-o is for classifiers and detectors")
    assert_refused(attnctl("eval", detector, "--dataset", "./nowhere"), "there is no folder")
    assert not (tmp_path / "found.csv").exists()


def test_a_report_has_the_accuracy_on_other_images_as_a_column(trained: Path, attnctl: Run) -> None:
    write_digits(trained / "copy", each=1)
    run = Workspace(trained).run_ids()[0]
    refused = attnctl("report", "--eval", "./copy")
    assert_refused(refused, "nothing was evaluated")
    assert "none of these runs was evaluated on './copy'; evaluate them with `attnctl eval RUN" in refused.err
    (row,) = json.loads(attnctl("eval", run, "--dataset", "./copy", "--json").out)["runs"]
    done = attnctl("report", "--eval", "copy/", "--columns", "top1", "--json")
    assert done.code == 0, done.err
    shown = [cell["value"] for line in json.loads(done.out)["groups"][0]["rows"] for cell in line["cells"]]
    assert shown.count(row["metrics"]["top1"]) >= 1
    assert shown.count(None) == 1, "the other run was not evaluated"


def test_a_run_is_evaluated_on_the_items_of_a_function(trained: Path, attnctl: Run) -> None:
    (trained / "scans.py").write_text(
        "import numpy as np\n\n\ndef make():\n"
        "    items = [(np.full((8, 8), 20 * label, np.uint8), label) for label in range(10)]\n"
        "    return items * 2, items * 3\n"
    )
    run = Workspace(trained).run_ids()[0]
    (row,) = json.loads(attnctl("eval", run, "--dataset", "./scans.py:make", "--json").out)["runs"]
    assert row["images"] == 30
    assert_refused(attnctl("eval", run, "--dataset", "./scans.py:mak"), "did you mean 'make'")
