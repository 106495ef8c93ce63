"""A paper as a graph: its rows, what they start from, and which comparisons need them."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.cli.reproducing import graph, settings
from attnctl.cost import Machine
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace


def of_ean(workspace: Workspace, numbers: list[str], rows: tuple[str, ...] = ()) -> graph.Graph:
    paper = papers.load("ean")
    tables = [paper.tables[number] for number in numbers]
    parts = graph.parts(workspace, paper, tables, settings.read([], numbers, 1), rows)
    return graph.build(workspace, paper, parts, Machine(), retry_failed=False)


def test_detectors_of_ean_start_from_the_classifiers_of_its_other_table(tmp_path: Path) -> None:
    found = of_ean(Workspace(tmp_path), ["3", "5"])
    by_row = {row: node for node in found.nodes.values() for row in node.rows}
    detector = by_row["5/EAN-ResNet50"]
    assert detector.spec.base == by_row["3/EAN-R50"].spec.id
    assert found.chain(detector.spec.id) == [by_row["3/EAN-R50"], detector]
    order = list(found.nodes)
    assert all(order.index(node.spec.base) < order.index(run) for run, node in found.nodes.items() if node.spec.base)


def test_a_row_counts_the_comparisons_of_what_starts_from_it(tmp_path: Path) -> None:
    alone, both = (of_ean(Workspace(tmp_path), numbers) for numbers in (["3"], ["3", "5"]))
    base = next(run for run, node in alone.nodes.items() if node.rows == ("3/EAN-R50",))
    detector = next(node for node in both.nodes.values() if node.rows == ("5/EAN-ResNet50",))
    assert both.nodes[base].comparisons == alone.nodes[base].comparisons + detector.comparisons
    assert detector.comparisons > 0


def test_only_rows_that_are_asked_for_are_in_the_graph(tmp_path: Path) -> None:
    found = of_ean(Workspace(tmp_path), ["5"], ("EAN-ResNet50",))
    assert [node.rows for node in found.nodes.values()] == [(graph.BASE,), ("5/EAN-ResNet50",)]
    with pytest.raises(SpecError, match="Nothing-"):
        of_ean(Workspace(tmp_path), ["3", "5"], ("Nothing-*",))
