"""Rows beside those of a table: the same modules with other hyperparameters, or at other places."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl import papers
from attnctl.papers.beside import Beside, cells_beside
from attnctl.papers.runs import Overrides, cells_of
from attnctl.values import SpecError


def beside(table: str, rows: tuple[str, ...] = (), **asked: Any) -> dict[str, list[str]]:
    """Row -> the labels of its runs."""
    paper, _, number = table.partition(":")
    cells = cells_beside(papers.load(paper).tables[number], Overrides(), rows, Beside(**asked))
    assert not any(item.reason for item in cells)
    return {item.row.name: [f"{spec.label()}, {spec.placement}" for spec in item.specs] for item in cells}


def test_the_row_as_the_text_states_stands_beside_that_of_the_figures() -> None:
    """NAM, table 2: the text says channel and spatial gates, the counts prove the channel gate alone."""
    assert beside("nam:2", hyperparameters={"gates": ("both",)}) == {
        "MobileNetV2+NAM gates=both": ["nam gates=both penalty=0.001, block"]
    }


def test_every_row_with_the_module_has_a_row_for_each_value() -> None:
    """AN, table 1: figure 3 says K=5 and K=10, the counts K=12."""
    found = beside("an:1", addressed={("an", "K"): ("5", "10")})
    assert len(found) == 8
    assert [name for name in found if name.startswith("ResNet-50")] == ["ResNet-50-AN K=5", "ResNet-50-AN K=10"]


def test_rows_at_other_places_keep_their_hyperparameters() -> None:
    (labels,) = beside("ela:5", ("ResNet50+ELA-S",), placements=("block",)).values()
    assert set(labels) == {"ela groups=c/8 kernel=5 num_groups=16 shared=true, block"}


def test_values_and_places_are_combined() -> None:
    found = beside("ela:5", ("ResNet50+ELA-S",), placements=("block", "stage"), hyperparameters={"kernel": ("9", "11")})
    assert [name.removeprefix("ResNet50+ELA-S ") for name in found] == [
        "kernel=9 placement=block",
        "kernel=11 placement=block",
        "kernel=9 placement=stage",
        "kernel=11 placement=stage",
    ]


def test_a_row_that_the_table_has_is_not_there_again() -> None:
    assert beside("nam:2", hyperparameters={"gates": ("channel",)}) == {}
    assert list(beside("nam:2", hyperparameters={"gates": ("channel", "spatial")})) == ["MobileNetV2+NAM gates=spatial"]


def test_a_value_that_does_not_fit_is_the_reason_of_its_row() -> None:
    table = papers.load("an").tables["1"]
    cells = cells_beside(table, Overrides(), ("ResNet-50-AN",), Beside(hyperparameters={"K": ("0", "5")}))
    assert [(item.row.name, len(item.specs), item.reason) for item in cells] == [
        ("ResNet-50-AN K=0", 0, "an K=0 does not work: K must be from 1 to 1024"),
        ("ResNet-50-AN K=5", 1, ""),
    ]
    (own,) = cells_of(table, Overrides(), ("ResNet-50-AN",))
    assert own.specs[0].recipe == cells[1].specs[0].recipe


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"hyperparameters": {"K": ("5",)}}, "no module in these rows of table nam:2 has a hyperparameter 'K'"),
        ({"addressed": {("an", "K"): ("5",)}}, "-p an.K: these rows of table nam:2 have se, bam, cbam, nam"),
        ({"addressed": {("nam", "gate"): ("5",)}}, "-p nam.gate: nam has no hyperparameter 'gate'; did you mean"),
        ({"hyperparameters": {"gates": ("x",)}}, "nam gates is x; it must be one of channel, spatial, both"),
    ],
)
def test_what_applies_to_no_row_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as raised:
        beside("nam:2", **asked)
    assert str(raised.value).startswith(words)
