"""`attnctl plot`, from networks that were really trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

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
    assert [level["name"] for level in panel["levels"]] == ["ResNet-20"]
    assert sorted(here.iterdir()) == before
    shown = attnctl("plot", "--reach", "0.5,100", "-o", "c.png")
    assert shown.out.splitlines()[0].split() == ["epochs", "to", "top1", "0.5", "epochs", "to", "top1", "100"]
    assert len(shown.out.splitlines()) == 4


def test_names_fonts_and_widths_are_those_that_were_asked_for(here: Path, attnctl: Run) -> None:
    options = ("--rename", "none=Baseline", "--rename", "ean=EAN-Net", "--font", "times", "--width", "88")
    done = attnctl("plot", "--x", "G", "-o", "groups.svg", *options)
    assert (done.code, done.err) == (0, "written: groups.svg\n")
    root = ElementTree.parse(here / "groups.svg").getroot()
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(88 / 25.4 * 72)
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert {"Baseline", "EAN-Net", "top-1 (%)"} <= {"".join(text.itertext()) for text in texts}
    assert all("STIXGeneral" in text.attrib["style"] for text in texts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--font", "tims"), "--font 'tims': this machine has no font of that name; did you mean 'times'?"),
        (("--width", "3in"), "--width '3in': use column, page, or millimetres from 40 to 500"),
        (("--rename", "none"), "--rename 'none': write what is typed, = and the name, such as se=SE-Net"),
    ],
)
def test_fonts_widths_and_names_that_cannot_be_are_one_line(
    here: Path, attnctl: Run, options: tuple[str, ...], message: str
) -> None:
    done = attnctl("plot", *options)
    assert (done.code, done.out, done.err) == (2, "", f"attnctl: {message}\n")


def test_names_of_the_settings_stand_in_every_figure(
    here: Path, paper_networks: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = here / "own"
    shutil.copytree(paper_networks, own)
    (own / "attnctl.toml").write_text('[names]\nnone = "Baseline"\n')
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(own))
    (panel,) = document(attnctl("plot", "--x", "G", "--json"))["panels"]
    assert [level["name"] for level in panel["levels"]] == ["Baseline"]
