"""`attnctl figure`: figures of papers, from networks that were really trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.files import write_atomic
from attnctl.papers.runs import Overrides, figure_cells
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.drawn import document
from tests.reports.report_workspace import train


def test_a_figure_of_a_users_paper_shows_measured_and_printed_values(here: Path, attnctl: Run) -> None:
    (panel,) = document(attnctl("figure", "./mine.toml:1", "--json"))["panels"]
    measured, printed = panel["series"]
    assert [point["x"] for point in measured["points"]] == [2.0, 8.0]
    assert (printed["published"], [point["y"] for point in printed["points"]]) == (True, [91.0])
    assert [level["name"] for level in panel["levels"]] == ["Digits, no attention"]
    done = attnctl("figure", "1", "--paper", "./mine.toml")
    assert "written: mine-figure-1.pdf" in done.err
    assert (here / "mine-figure-1.pdf").exists()


@pytest.mark.parametrize("figure", ["ean:3", "ean:4", "ela:1"])
def test_a_figure_without_runs_names_the_command_that_trains_them(figure: str, here: Path, attnctl: Run) -> None:
    before = sorted(here.iterdir())
    done = attnctl("figure", figure, "-o", "x.pdf")
    name, number = figure.split(":")
    words = (
        f"figure {number} of {name.upper()} has no measured values yet; to train it: attnctl sweep --figure {figure}"
    )
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [f"attnctl: {words}"]
    assert sorted(here.iterdir()) == before


def test_panels_with_their_own_settings_are_drawn_and_completed_panel_by_panel(folder: Path, attnctl: Run) -> None:
    workspace, ela = Workspace(folder), papers.load("ela")
    figure = ela.figures["1"]
    for number, overrides in ((1, Overrides(dataset="digits")), (2, Overrides(dataset="digits-det", init="random"))):
        cells = figure_cells(figure, ela, overrides, (number,))
        found = [spec for item in cells for spec in item.specs]
        for place, spec in enumerate(found if number == 1 else found[:1]):
            train(workspace, spec, 60.0 + place)
        record = Sweep(
            name=f"panel{number}",
            created=float(number),
            command=[],
            runs=[spec.id for spec in found],
            paper="ela",
            figure="1",
            overrides=overrides.to_json(),
        )
        write_atomic(workspace.sweep(record.name), record.encode())
    drawn = attnctl("figure", "ela:1", "--json")
    first, second, third = document(drawn)["panels"]
    assert not any(series["published"] for panel in (first, second) for series in panel["series"])
    assert sum(len(series["points"]) for series in first["series"]) == 10
    assert sum(len(series["points"]) for series in second["series"]) == 1
    assert all(series["published"] for series in third["series"])  # on the paper's data set, where nothing ran
    assert (
        "panel 2: trained with dataset=digits-det init=random instead of the paper's values (sweep panel2)" in drawn.err
    )
    assert (
        "to train them: attnctl sweep --figure ela:1 --panel 2 --dataset digits-det --init random"
        " and attnctl sweep --figure ela:1 --panel 3"
    ) in drawn.err


def test_figures_of_activations_use_the_papers_layers_and_classes(here: Path, attnctl: Run) -> None:
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
