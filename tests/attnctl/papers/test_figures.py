"""The figures of a paper's file: what they become, and what each kind of figure may say."""

from __future__ import annotations

import pytest

from attnctl.papers.model import Figure
from attnctl.papers.read import read
from attnctl.values import SpecError
from tests.attnctl.papers.a_paper import PAPER

PANELS = """
[figures.3]
caption = "Two panels"
kind = "scatter"
[[figures.3.settings.panels]]
table = "1"
rows = ["ResNet-20*"]
x = "params"
[[figures.3.settings.panels]]
table = "1"
title = "All"
"""


def figure(addition: str, number: str) -> Figure:
    return read(PAPER + addition, "my.toml").figures[number]


def refusal(addition: str) -> str:
    with pytest.raises(SpecError) as error:
        read(PAPER + addition, "my.toml")
    return str(error.value)


def test_a_sweep_names_the_cells_that_its_values_belong_to() -> None:
    found = figure("", "1")
    assert (found.paper, found.kind, found.x, found.y) == ("mine", "sweep", "r", "top1")
    (series,) = found.settings["series"]
    assert series == {"title": "SE", "table": "1", "row": "ResNet-20+SE", "column": "top1", "values": (4, 8)}


def test_a_figure_of_a_table_may_name_some_of_its_rows() -> None:
    found = figure("", "2")
    assert (found.kind, found.table, found.rows) == ("scatter", "1", ("ResNet-20*",))


def test_panels_may_be_of_several_tables() -> None:
    first, second = figure(PANELS, "3").settings["panels"]
    assert first == {"table": "1", "rows": ("ResNet-20*",), "x": "params"}
    assert second == {"table": "1", "title": "All"}


def test_the_tables_and_rows_of_a_panel_must_exist() -> None:
    assert "table 1 has no row 'VGG*'" in refusal(PANELS.replace("ResNet-20*", "VGG*"))
    assert "there is no table '7'" in refusal(PANELS.replace('table = "1"\ntitle', 'table = "7"\ntitle'))
    assert "lacks table" in refusal(PANELS.replace('table = "1"\ntitle', "title"))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("curves", "reach = [90]", ""),
        ("cam", 'layers = ["layer4"]\nimages = 4', ""),
        ("histogram", "classes = [1, 2]", ""),
        ("curves", "layers = ['x']", "unknown key 'layers'"),
        ("cam", "images = -1", "images must be a whole number"),
        ("histogram", "classes = 1", "classes must be a list in brackets"),
    ],
)
def test_each_kind_has_its_own_settings(kind: str, settings: str, message: str) -> None:
    addition = f'\n[figures.3]\ncaption = "c"\nkind = "{kind}"\n[figures.3.settings]\n{settings}\n'
    if message:
        assert message in refusal(addition)
    else:
        assert figure(addition, "3").kind == kind
