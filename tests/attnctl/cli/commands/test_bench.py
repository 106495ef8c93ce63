"""`attnctl bench`: how fast networks are."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from tests.attnctl.cli.cli_run import Run, assert_refused, listing


def test_bench_measures_detectors_to_their_boxes(folder: Path, attnctl: Run) -> None:
    words = ("--model", "yolox_nano", "--placement", "neck", "--dataset", "digits-det")
    done = attnctl("bench", "ca", *words, "--rounds", "3", "--batch", "1,2", "--json")
    speeds = json.loads(done.out)["speeds"]
    assert [(one["module"], one["model"], one["batch"]) for one in speeds] == [
        ("none", "yolox_nano", 1),
        ("ca", "yolox_nano", 1),
        ("none", "yolox_nano", 2),
        ("ca", "yolox_nano", 2),
    ]
    assert len(listing(folder / "bench")) == 4
    named = attnctl("bench", "ca", "--model", "yolox_nan", "--json")
    assert (named.code, named.out) == (2, "")
    assert "unknown model 'yolox_nan'; did you mean 'yolox_nano'" in named.err


def test_the_rows_of_a_table_are_measured_and_its_report_shows_their_speed(folder: Path, attnctl: Run) -> None:
    table = """
    name = "Mine"
    title = "A paper of my own"

    [tables.1]
    caption = "Speeds"
    dataset = "digits"
    backbone = "resnet20"
    placement = "block"
    [[tables.1.columns]]
    key = "top1"
    title = "Top-1"
    unit = "%"
    metric = "top1"
    [[tables.1.columns]]
    key = "fps"
    title = "Speed"
    unit = "FPS"
    metric = "fps"
    [[tables.1.rows]]
    row = "Plain"
    top1 = "90.0"
    fps = "100FPS"
    [[tables.1.rows]]
    row = "EAN"
    module = "ean"
    top1 = "91.0"
    fps = "80FPS"
    [[tables.1.rows]]
    row = "SE"
    module = "se"
    top1 = "91.0"
    fps = "90FPS"
    """
    (folder / "mine.toml").write_text(textwrap.dedent(table))
    done = attnctl("bench", "--table", "./mine.toml:1", "--rows", "EAN", "--quick", "--device", "cpu", "--json")
    speeds = json.loads(done.out)["speeds"]
    assert [(one["module"], one["batch"], one["launch"]) for one in speeds] == [("none", 1, ""), ("ean", 1, "")]
    shown = attnctl("bench", "--table", "./mine.toml:1", "--quick", "--device", "cpu").out
    assert [line.split()[0] for line in shown.splitlines() if line.startswith(("Plain", "EAN", "SE"))] == [
        "Plain",
        "EAN",
        "SE",
    ]
    assert "next: attnctl report --table ./mine.toml:1" in shown
    report = attnctl("report", "--table", "./mine.toml:1", "--format", "csv").out
    assert "not measured" not in report
    assert len(listing(folder / "bench")) == 3
    small = ("--rows", "SE", "--input-size", "16", "--quick", "--device", "cpu")
    assert (
        "in rows that were swept with --input-size 16 too" in attnctl("bench", "--table", "./mine.toml:1", *small).out
    )


def test_a_table_without_speeds_is_refused(folder: Path, attnctl: Run) -> None:
    assert_refused(attnctl("bench", "--table", "ean:2"), "ean:2")
    assert_refused(attnctl("bench"), "nothing named")
    assert_refused(attnctl("bench", "ela", "--table", "ean:3"), "both")
