"""Drawings within the HTML report."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.etree import ElementTree

from attnctl.reports.figures import page
from tests.reports.figures.figure_runs import NAME, history, runs, sweep_chart

GROUPS = {"hyperparameters": {"G": ("1", "2", "4")}}


def test_a_drawing_uses_the_pages_colours_without_changing_the_page() -> None:
    svg = page.inline(sweep_chart(), NAME, "plot0-")
    root = ElementTree.fromstring(svg)
    assert root.findtext("{http://www.w3.org/2000/svg}title") == NAME
    assert "currentColor" in svg
    assert not re.search(r"#000000|#010203|#ffffff|<style|<metadata", svg)
    assert "width" not in root.attrib
    assert root.attrib["viewBox"]
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert ids
    assert len(ids) == len(set(ids))
    assert all(name.startswith("plot0-") for name in ids)
    assert set(re.findall(r"#(plot0-[\w-]+)", svg)) == set(ids)
    words = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert NAME in words  # text stays text: it can be searched


def test_the_epochs_the_cost_and_each_varying_hyperparameter_are_drawn() -> None:
    rows = runs(lambda spec: 90.0 + spec.seed, modules=("none", "ean"), seeds=("0", "1"), **GROUPS)
    plots = page.plots(rows, lambda run: history([50, 60, 70]))
    assert [plot.title for plot in plots] == [
        "top-1 over epoch",
        "top-1 over parameters",
        "top-1 over MACs",
        "top-1 over G",
    ]
    for plot in plots:
        assert ElementTree.fromstring(plot.svg).tag.endswith("svg")
    ids = [name for plot in plots for name in re.findall(r'\bid="([^"]+)"', plot.svg)]
    assert len(ids) == len(set(ids))


def test_uninformative_parts_are_left_out() -> None:
    assert page.plots([], lambda run: []) == []
    unfinished = runs(lambda spec: None, modules=("none", "ean"), **GROUPS)
    assert page.plots(unfinished, lambda run: []) == []
    alone = runs(lambda spec: 90.0, modules=("none",))
    assert page.plots(alone, lambda run: history([50])) == []


def test_of_too_many_runs_no_history_is_read() -> None:
    rows = runs(lambda spec: 90.0, modules=("ela",), hyperparameters={"kernel": tuple(map(str, range(1, 60, 2)))})

    def never(run: str) -> NoReturn:
        raise AssertionError("it was read")

    assert "top-1 over kernel" in [plot.title for plot in page.plots(rows, never)]
