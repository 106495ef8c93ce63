"""Figures of papers that need trained networks, from networks that were really trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl import papers
from attnctl.cli.drawing import paper_figures
from attnctl.db import open_index
from attnctl.papers.runs import Overrides, figure_cells
from attnctl.reports.figures.paper_figures import Material, NoResultsYet
from attnctl.settings.config import Config, find
from attnctl.values import SpecError

Make = Callable[..., Material]


@pytest.fixture
def config(paper_networks: Path) -> Config:
    return find(paper_networks, paper_networks, {})


@pytest.fixture
def material(config: Config) -> Make:
    """Makes the material of a figure of the paper mine.toml, with other settings where they are given."""
    fields = {"epochs": "1", "input_size": "8", "batch": "256", "norm_batch": "256"}

    def make(number: str, epochs: str = "1", **settings: Any) -> Material:
        paper = papers.load(str(config.workspace.root / "mine.toml"))
        figure = paper.figures[number]
        figure = dataclasses.replace(figure, settings={**figure.settings, **settings})
        cells = figure_cells(figure, paper, Overrides(fields=fields | {"epochs": epochs}))
        with open_index(config.workspace) as index:
            index.refresh()
            found = index.families({spec.family for item in cells for spec in item.specs})
            return Material(paper=paper, figure=figure, cells=cells, plain={}, found=found, histories=index.history)

    return make


def test_the_maps_are_of_the_papers_layers_and_named_as_its_rows(config: Config, material: Make) -> None:
    drawn, values = paper_figures.cam(config, material("2"), [], "cpu", instead=False)
    assert drawn.columns == ("image", "Plain\nlayer2", "Plain\nlayer3", "EAN\nlayer2", "EAN\nlayer3")
    assert (len(drawn.rows), values["method"]) == (2, "gradcam")
    assert [found["layer"] for found in values["maps"][::2]] == ["layer2", "layer3"] * 2


def test_the_histograms_are_of_the_papers_classes(config: Config, material: Make) -> None:
    made, values = paper_figures.histogram(config, material("3"), "cpu", instead=False)
    assert [(panel.row, panel.column) for panel in made.panels] == [("layer3", "Plain"), ("layer3", "EAN")]
    assert [one.name for one in made.panels[0].distributions] == ["class 0", "class 4"]
    assert len(values["panels"]) == 2


def test_what_the_networks_here_do_not_have_is_replaced_and_told(
    config: Config, material: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    made, _ = paper_figures.histogram(config, material("3", classes=[3, 77], layers=["stage9"]), "cpu", instead=True)
    assert [one.name for one in made.panels[0].distributions] == ["class 0", "class 1", "class 2"]
    assert {panel.row for panel in made.panels} == {"layer1", "layer2", "layer3"}
    assert capsys.readouterr().err.splitlines() == [
        "using classes (0, 1, 2) instead of the paper's (3, 77), which belong to another data set",
        "using the ends of the stages instead of the paper's stage9, which these networks do not have",
    ]
    with pytest.raises(SpecError, match="has no layer 'stage9'"):
        paper_figures.histogram(config, material("3", layers=["stage9"]), "cpu", instead=False)


def test_a_figure_without_networks_or_with_an_unknown_method_says_so(config: Config, material: Make) -> None:
    with pytest.raises(NoResultsYet, match=r"figure 2 of Mine needs trained networks, and none of its runs has"):
        paper_figures.cam(config, material("2", epochs="7"), [], "cpu", instead=False)
    with pytest.raises(SpecError, match=r"figure 2: method is 'gradcan'; did you mean 'gradcam'\?"):
        paper_figures.cam(config, material("2", method="gradcan"), [], "cpu", instead=False)
