"""A paper as a graph: its rows, what they start from, and which comparisons need them."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import papers
from attnctl.cli.reproducing import graph, settings
from attnctl.cost import CostModel, Machine
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace


def graph_of(workspace: Workspace, numbers: list[str], rows: tuple[str, ...] = (), name: str = "ean") -> graph.Graph:
    paper = papers.load(name)
    tables = [paper.tables[number] for number in numbers]
    parts = graph.parts(workspace, paper, tables, settings.read([], numbers, 1), rows)
    return graph.build(workspace, paper, parts, CostModel([]), lambda _: Machine(), retry_failed=False)


def test_detectors_of_ean_start_from_the_classifiers_of_its_other_table(tmp_path: Path) -> None:
    found = graph_of(Workspace(tmp_path), ["3", "5"])
    by_row = {row: node for node in found.nodes.values() for row in node.rows}
    detector = by_row["5/EAN-ResNet50"]
    assert detector.spec.base == by_row["3/EAN-R50"].spec.id
    assert found.chain(detector.spec.id) == [by_row["3/EAN-R50"], detector]
    order = list(found.nodes)
    assert all(order.index(node.spec.base) < order.index(run) for run, node in found.nodes.items() if node.spec.base)


def test_a_row_counts_the_comparisons_of_what_starts_from_it(tmp_path: Path) -> None:
    alone, both = (graph_of(Workspace(tmp_path), numbers) for numbers in (["3"], ["3", "5"]))
    base = next(run for run, node in alone.nodes.items() if node.rows == ("3/EAN-R50",))
    detector = next(node for node in both.nodes.values() if node.rows == ("5/EAN-ResNet50",))
    assert both.nodes[base].comparisons == alone.nodes[base].comparisons + detector.comparisons
    assert detector.comparisons > 0


def test_only_rows_that_are_asked_for_are_in_the_graph(tmp_path: Path) -> None:
    found = graph_of(Workspace(tmp_path), ["5"], ("EAN-ResNet50",))
    assert [node.rows for node in found.nodes.values()] == [(graph.BASE,), ("5/EAN-ResNet50",)]
    with pytest.raises(SpecError, match="Nothing-"):
        graph_of(Workspace(tmp_path), ["3", "5"], ("Nothing-*",))


def test_rows_whose_published_weights_are_not_here_are_blocked(tmp_path: Path) -> None:
    found = graph_of(Workspace(tmp_path), ["3"], name="ela")
    assert found.nodes
    for run in found.nodes:
        assert found.blocked(run).startswith(
            "missing weights: yolox:nano; on a machine with a network: attnctl weights"
        )


@pytest.mark.parametrize("name", ["an", "ela", "ema", "nam"])
def test_every_paper_is_a_graph(name: str, tmp_path: Path) -> None:
    paper = papers.load(name)
    found = graph_of(Workspace(tmp_path), [*paper.tables], name=name)
    rows = {row for node in found.nodes.values() for row in node.rows}
    assert len(rows) > 10
