"""`attnctl plot`, from networks that were really trained."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import document


def test_a_plot_is_written_to_the_named_file(here: Path, attnctl: Run) -> None:
    done = attnctl("plot", "--x", "G", "-o", "groups.svg", "--title", "a & <b> $x$")
    assert (done.code, done.out, done.err) == (0, "", "written: groups.svg\n")
    assert ElementTree.parse(here / "groups.svg").getroot().tag.endswith("svg")
    done = attnctl("plot", "--x", "epoch", "--y", "loss")
    assert done.err == "written: runs-loss-over-epoch.pdf\n"
    assert (here / "runs-loss-over-epoch.pdf").read_bytes().startswith(b"%PDF")


def test_json_contains_the_drawn_values_and_no_file_is_written(here: Path, attnctl: Run) -> None:
    before = sorted(here.iterdir())
    (panel,) = document(attnctl("plot", "--x", "G", "--json"))["panels"]
    (series,) = panel["series"]
    assert [point["x"] for point in series["points"]] == [2.0, 8.0]
    assert [level["name"] for level in panel["levels"]] == ["no attention"]
    assert sorted(here.iterdir()) == before
    shown = attnctl("plot", "--reach", "0.5,100", "-o", "c.png")
    assert shown.out.splitlines()[0].split() == ["epochs", "to", "top1", "0.5", "epochs", "to", "top1", "100"]
    assert len(shown.out.splitlines()) == 4
