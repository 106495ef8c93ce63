"""`attnctl errors`, from networks that were really trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import document, ids


def test_the_figures_agree_with_the_evaluation(here: Path, attnctl: Run) -> None:
    run = ids(attnctl)["none"]
    (evaluated,) = json.loads(attnctl("eval", run, "--json").out)["runs"]
    matrices = document(attnctl("errors", run, "--of", "confusion", "--json"))
    (panel,) = matrices["panels"]
    right = sum(row[k] for k, row in enumerate(panel["counts"]))
    assert 100 * right / evaluated["images"] == pytest.approx(evaluated["metrics"]["top1"])
    (bars,) = document(attnctl("errors", run, "--of", "classes", "--json"))["panels"]
    assert bars["places"] == [one["class"] for one in evaluated["classes"]]
    assert bars["series"][0]["heights"] == pytest.approx(
        [100 * one["right"] / one["images"] for one in evaluated["classes"]]
    )
    done = attnctl("errors", run, "--width", "column")
    assert (done.code, done.out, done.err) == (0, "", f"written: errors-{run[:8]}-reliability.pdf\n")
    assert (here / f"errors-{run[:8]}-reliability.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", ""), "--dataset is empty; leave it out, or name a data set or a folder"),
        (("--dataset", "./nowhere"), "nowhere"),
        (("-o", "x.jpg"), "use one of .pdf, .svg, .png"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(here: Path, attnctl: Run, options: tuple[str, ...], message: str) -> None:
    done = attnctl("errors", ids(attnctl)["none"], *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_data_sets_are_named_as_for_eval(here: Path, attnctl: Run) -> None:
    (here / "scans.py").write_text(
        "import numpy as np\n\n\ndef make():\n"
        "    items = [(np.full((8, 8), 20 * label, np.uint8), label) for label in range(10)]\n"
        "    return items * 2, items * 3\n"
    )
    run = ids(attnctl)["none"]
    words = (run, "--dataset", "./scans.py:make", "--json")
    (evaluated,) = json.loads(attnctl("eval", *words).out)["runs"]
    done = attnctl("errors", *words, "--of", "classes")
    assert done.code == 0, done.err
    (bars,) = document(done)["panels"]
    assert bars["series"][0]["heights"] == pytest.approx(
        [100 * one["right"] / one["images"] for one in evaluated["classes"]]
    )
