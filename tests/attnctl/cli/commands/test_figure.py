"""The commands that draw, as they are typed, from networks that were really trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from attnctl.cli import main
from attnctl.cli.drawing import trained_networks
from attnctl.grid import Axes, expand
from tests.attnctl.cli.cli_run import Result, Run, without_slurm

TINY = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256", "--run-on", "local")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three networks trained for one epoch of tiny digits: a paper's table and figure."""
    root = tmp_path_factory.mktemp("networks")
    (root / "mine.toml").write_text(PAPER)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        without_slurm(patch)
        assert main(["sweep", "--table", "./mine.toml:1", "--name", "gates", *TINY]) == 0
        assert main(["sweep", "--figure", "./mine.toml:1", *TINY]) == 0
    return root


PAPER = """
name = "Mine"
title = "A paper of my own"

[tables.1]
caption = "Gates"
dataset = "digits"
backbone = "resnet20"
placement = "block"
[[tables.1.columns]]
key = "top1"
title = "Top-1"
unit = "%"
metric = "top1"
[[tables.1.rows]]
row = "Plain"
top1 = "90.0"
[[tables.1.rows]]
row = "EAN"
module = "ean"
top1 = "91.0"

[figures.1]
caption = "Groups"
kind = "sweep"
x = "G"
published = { Digits = { 8 = "91.0" } }
[[figures.1.settings.series]]
title = "Digits"
table = "1"
row = "EAN"
column = "top1"
values = [2, 8]

[figures.2]
caption = "What the gates see"
kind = "cam"
table = "1"
settings = { layers = ["layer2", "layer3"], images = 2 }

[figures.3]
caption = "Responses"
kind = "histogram"
table = "1"
settings = { layers = ["layer3"], classes = [0, 4] }

[figures.4]
caption = "Curves"
kind = "curves"
table = "1"
settings = { reach = [1.0, 100.0] }
"""


@pytest.fixture
def here(networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to draw in, with that workspace beside it."""
    monkeypatch.chdir(tmp_path)
    without_slurm(monkeypatch)
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(networks))
    shutil.copy(networks / "mine.toml", tmp_path / "mine.toml")
    return tmp_path


def ids(attnctl: Run) -> dict[str, str]:
    """Module, or module and G -> run id."""
    runs = json.loads(attnctl("status", "--json").out)["runs"]
    return {run["label"].partition(" shared")[0]: run["id"] for run in runs}


def document(result: Result) -> Any:
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_plot_goes_into_a_file_that_is_named(here: Path, attnctl: Run) -> None:
    done = attnctl("plot", "--x", "G", "-o", "groups.svg", "--title", "a & <b> $x$")
    assert (done.code, done.out, done.err) == (0, "", "written: groups.svg\n")
    assert ElementTree.parse(here / "groups.svg").getroot().tag.endswith("svg")
    done = attnctl("plot", "--x", "epoch", "--y", "loss")
    assert done.err == "written: runs-loss-over-epoch.pdf\n"
    assert (here / "runs-loss-over-epoch.pdf").read_bytes().startswith(b"%PDF")


def test_json_is_what_would_be_drawn_and_no_file_is_written(here: Path, attnctl: Run) -> None:
    before = sorted(here.iterdir())
    (panel,) = document(attnctl("plot", "--x", "G", "--json"))["panels"]
    (series,) = panel["series"]
    assert [point["x"] for point in series["points"]] == [2.0, 8.0]
    assert [level["name"] for level in panel["levels"]] == ["no attention"]
    assert sorted(here.iterdir()) == before
    shown = attnctl("plot", "--reach", "0.5,100", "-o", "c.png")
    assert shown.out.splitlines()[0].split() == ["epochs", "to", "top1", "0.5", "epochs", "to", "top1", "100"]
    assert len(shown.out.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plot", "--x", "g"], "did you mean 'G'?"),
        (["plot", "--x", "lr"], "in all of these runs"),
        (["plot", "--x", "shared"], "there is nothing to draw over it"),
        (["plot", "--y", "top2"], "unknown metric 'top2'; did you mean 'top"),
        (["plot", "--x", "G", "--reach", "5"], "--reach tells of epochs"),
        (["plot", "--seeds", "7"], "none of the runs has a seed of 7"),
        (["plot", "-o", "x.jpg"], "give one of .pdf, .svg, .png"),
        (["plot", "-o", "no/such/x.pdf"], "there is no folder no/such"),
        (["plot", "nowhere"], "unknown sweep 'nowhere'"),
        (["figure", "9", "--paper", "ean"], "EAN has no figure '9'"),
        (["figure", "ean:3", "--images", "x.png"], "--images is for activation maps"),
        (["cam", "{plain}", "--layer", "layer9"], "has no layer 'layer9'; did you mean"),
        (["cam", "{plain}", "--target", "ten"], "--target is 'ten'"),
        (["cam", "{plain}", "--target", "10"], "digits has no class 10"),
        (["cam", "{plain}", "--images", "nowhere.png"], "there is no image nowhere.png"),
        (["histogram", "{plain}", "--classes", "0,0"], "--classes has a class twice"),
        (["histogram", "{plain}", "--classes", "11"], "digits has no class 11"),
        (["histogram", "{plain}", "--of", "attention"], "has no attention"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_nothing_is_written(
    words: list[str], message: str, here: Path, attnctl: Run
) -> None:
    before = sorted(here.iterdir())
    done = attnctl(*(word.replace("{plain}", ids(attnctl)["none"]) for word in words))
    assert (done.code, done.out) == (2, ""), done.err
    assert message in done.err
    assert done.err.count("\n") == 1
    assert sorted(here.iterdir()) == before


def test_a_figure_of_one_s_own_paper_shows_what_is_measured_beside_what_is_printed(here: Path, attnctl: Run) -> None:
    (panel,) = document(attnctl("figure", "./mine.toml:1", "--json"))["panels"]
    measured, printed = panel["series"]
    assert [point["x"] for point in measured["points"]] == [2.0, 8.0]
    assert (printed["published"], [point["y"] for point in printed["points"]]) == (True, [91.0])
    assert [level["name"] for level in panel["levels"]] == ["Digits, no attention"]
    done = attnctl("figure", "1", "--paper", "./mine.toml")
    assert "written: mine-figure-1.pdf" in done.err
    assert (here / "mine-figure-1.pdf").exists()


def test_a_figure_without_runs_says_what_trains_them(here: Path, attnctl: Run) -> None:
    done = attnctl("figure", "ean:4")
    assert done.code == 2
    assert (
        done.err
        == "attnctl: nothing of figure 4 of EAN is measured yet; this trains it: attnctl sweep --figure ean:4\n"
    )
    printed = attnctl("figure", "ela:1", "-o", "ela.svg")
    assert printed.code == 0
    assert "this trains them: attnctl sweep --figure ela:1" in printed.err


def test_activation_maps_of_runs_stand_side_by_side(here: Path, attnctl: Run) -> None:
    known = ids(attnctl)
    done = attnctl(
        "cam", known["none"], known["ean G=2"][:8], "--count", "2", "--layer", "layer2,layer3", "-o", "c.png"
    )
    assert (done.code, done.err) == (0, "written: c.png\n"), done.err
    with Image.open(here / "c.png") as image:
        assert image.width > 1000
    maps = document(attnctl("cam", known["none"], "--json", "--count", "2"))["maps"]
    assert [(one["layer"], one["image"], len(one["heat"])) for one in maps] == [("layer3", "0", 8), ("layer3", "1", 8)]
    assert all(0 < one["probability"] <= 1 for one in maps)


def test_images_of_a_folder_or_by_name_are_looked_at(here: Path, attnctl: Run) -> None:
    plain = ids(attnctl)["none"]
    (here / "photos").mkdir()
    for number, mode in enumerate(("L", "RGB", "L")):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).convert(mode).save(here / "photos" / f"{number}.png")
    folder = document(attnctl("cam", plain, "--images", "photos", "--count", "2", "--target", "3", "--json"))["maps"]
    assert [(one["image"], one["label"], one["target"]) for one in folder] == [("0.png", None, 3), ("1.png", None, 3)]
    files = document(attnctl("cam", plain, "--images", "photos/2.png,photos/0.png", "--json"))["maps"]
    assert [one["image"] for one in files] == ["2.png", "0.png"]
    assert "the class of 0.png is not known" in attnctl("cam", plain, "--images", "photos", "--target", "label").err
    (here / "photos" / "0.png").write_bytes(b"no image")
    assert "0.png cannot be read: damaged or not an image" in attnctl("cam", plain, "--images", "photos").err


def test_histograms_of_responses_and_of_attention(here: Path, attnctl: Run) -> None:
    known = ids(attnctl)
    both = (known["none"], known["ean G=2"])
    done = attnctl("histogram", *both, "--classes", "0,4", "--count", "3", "--layer", "layer1,layer3", "-o", "h.svg")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1 + 2 * 2 * 2
    assert ElementTree.parse(here / "h.svg")
    found = document(attnctl("histogram", known["ean G=2"], "--of", "attention", "--count", "3", "--json"))
    assert len(found["panels"]) == 9
    for panel in found["panels"]:
        widths = np.diff(panel["edges"])
        assert panel["run"] == known["ean G=2"]
        for one in panel["distributions"]:
            assert (np.array(one["densities"]) * widths).sum() == pytest.approx(1)
            assert all(0 < mean < 1 for mean in one["means"] if mean is not None)


def test_figures_that_look_into_networks_take_the_paper_s_layers_and_classes(here: Path, attnctl: Run) -> None:
    maps = document(attnctl("figure", "./mine.toml:2", "--json"))["maps"]
    assert [(one["layer"], one["image"]) for one in maps[:4]] == [
        ("layer2", "0"),
        ("layer2", "1"),
        ("layer3", "0"),
        ("layer3", "1"),
    ]
    done = attnctl("figure", "./mine.toml:3", "-o", "h.pdf")
    assert done.code == 0, done.err
    (panel,) = document(attnctl("figure", "./mine.toml:3", "--json"))["panels"][:1]
    assert (panel["row"], [one["name"] for one in panel["distributions"]]) == ("layer3", ["class 0", "class 4"])
    curves = attnctl("figure", "./mine.toml:4", "-o", "c.pdf")
    assert curves.code == 0, curves.err
    assert "epochs to top1 1 " in curves.out


def test_networks_are_named_by_what_they_are_and_by_their_training_only_where_nothing_else_tells() -> None:
    def named(**axes: Any) -> list[str]:
        networks: Any = [SimpleNamespace(spec=spec) for spec in expand(Axes(**axes)).specs]
        return trained_networks.names(networks)

    places = {"backbones": ("resnet20", "mobilenet_v2_cifar"), "datasets": ("cifar10",)}
    expected = {f"{module} {backbone}" for module in ("no attention", "ela") for backbone in places["backbones"]}
    assert set(named(modules=("none", "ela"), **places)) == expected
    assert named(modules=("none",), overrides={"lr": ("0.1", "0.2")}) == ["no attention lr=0.1", "no attention lr=0.2"]
