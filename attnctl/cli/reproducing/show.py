"""The plan of a reproduction: the rows with what they start from, and the cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attnctl.cli import output
from attnctl.cli.reproducing.budget import Choice
from attnctl.cli.reproducing.graph import BASE, Graph, Node, Part
from attnctl.cli.sweeping import dry_run
from attnctl.cli.sweeping.cost import SweepCost, number
from attnctl.cli.sweeping.plan import Action, in_json, summary
from attnctl.cli.table_layout import Column
from attnctl.units import quantity
from attnctl.values import comma_join

_COLUMNS = (
    Column("row", wrap=20),
    Column("starts from", wrap=16, drop=2, optional=True),
    Column("network and data", drop=3, shrink=14),
    Column("runs"),
    Column("done"),
    Column("to train"),
    Column("hours", drop=1),
    Column("comparisons", drop=4),
)


def show(
    paper: str,
    parts: Sequence[Part],
    graph: Graph,
    choice: Choice,
    cost: SweepCost,
    budget: float | None,
    shapes: Sequence[dry_run.Part] = (),
    limit: str = "",
) -> None:
    """Print the plan. shapes: what the jobs of the runs to train ask for. limit: a sentence about the time limit."""
    output.table(_COLUMNS, [*_lines(graph, choice)])
    output.line()
    for part in parts:
        if part.reason:
            output.prose(f"skipped: table {part.table.number}: {part.reason}")
        elif part.selection is not None:
            for cell in part.selection.invalid:
                output.prose(f"skipped: table {part.table.number}, {cell.label}: {cell.reason}")
    for words, nodes in _by_reason(graph, choice.blocked).items():
        output.prose(f"{quantity(len(nodes), 'run')} cannot start: {words}")
    output.prose(f"{paper}: {summary([node.planned for node in graph.nodes.values()])}")
    _say_failed(graph)
    if choice.train:
        output.prose(cost.words())
        if source := cost.source_words():
            output.prose(source)
        if limit:
            output.prose(limit)
        if dry_run.have_shapes(shapes):
            output.line()
            dry_run.show_shapes(shapes)
    if budget is not None:
        left = f"; {quantity(len(choice.beyond), 'run')} would exceed it" if choice.beyond else ""
        output.prose(f"the budget of {budget:g} {cost.unit} covers {quantity(len(choice.train), 'run')}{left}")


def _say_failed(graph: Graph) -> None:
    """Name the failed runs, which are left out, and what to type."""
    failed = [node for node in graph.nodes.values() if node.planned.action is Action.FAILED]
    for node in failed:
        output.prose(f"failed: {comma_join(node.rows)}, run {node.spec.id}: {node.planned.reason}")
    if failed:
        output.prose("`attnctl resume` continues those for which that can help; --retry-failed runs all of them again")


def in_document(
    paper: str,
    parts: Sequence[Part],
    graph: Graph,
    choice: Choice,
    cost: SweepCost,
    budget: float | None,
    shapes: Sequence[dry_run.Part] = (),
) -> dict[str, Any]:
    """The plan as JSON values."""
    chosen = {node.spec.id for node in choice.train}
    return {
        "paper": paper,
        "tables": [
            {
                "table": part.table.number,
                "reason": part.reason,
                "invalid": [vars(cell) for cell in part.selection.invalid] if part.selection is not None else [],
            }
            for part in parts
        ],
        "runs": [_run(graph, node, run in chosen) for run, node in graph.nodes.items()],
        "shapes": dry_run.shapes_json(shapes),
        "budget": budget,
        "cost": cost.in_json(),
    }


def _run(graph: Graph, node: Node, chosen: bool) -> dict[str, Any]:
    seconds = node.estimate
    return in_json(node.spec) | {
        "rows": list(node.rows),
        "base": node.spec.base,
        "init": node.spec.init or None,
        "action": str(node.planned.action),
        "chosen": chosen,
        "blocked": graph.blocked(node.spec.id) or None,
        "comparisons": node.comparisons,
        "seconds": None if seconds is None else {"low": seconds.low, "likely": seconds.likely, "high": seconds.high},
    }


def _lines(graph: Graph, choice: Choice) -> Iterable[list[str]]:
    """A line for each row and base, in the order of training."""
    chosen = {node.spec.id for node in choice.train}
    for (row, _), nodes in _grouped(graph).items():
        first = nodes[0]
        train = [node for node in nodes if node.spec.id in chosen]
        yield [
            row,
            _start(graph, first),
            f"{first.spec.network} {first.spec.dataset}",
            str(len(nodes)),
            str(sum(node.planned.action == "done" for node in nodes)),
            str(len(train)),
            _hours(train),
            str(first.comparisons),
        ]


def _grouped(graph: Graph) -> dict[tuple[str, str], list[Node]]:
    """The runs of each row; bases that are in no row by their network."""
    found: dict[tuple[str, str], list[Node]] = {}
    for node in graph.nodes.values():
        for row in node.rows:
            what = f"{node.spec.label()} {node.spec.network}" if row == BASE else ""
            found.setdefault((f"{BASE} {what}" if what else row, what), []).append(node)
    return found


def _start(graph: Graph, node: Node) -> str:
    """What a run starts from: a row, a run, a file or weights by name; empty for random weights."""
    base = graph.nodes.get(node.spec.base or "")
    if base is not None:
        return comma_join(base.rows[:1]) if base.rows != (BASE,) else f"{base.spec.label()} {base.spec.network}"
    return node.spec.init[:20]


def _hours(nodes: Sequence[Node]) -> str:
    if not nodes:
        return ""
    known = [node.hours for node in nodes if node.hours is not None]
    if not known:
        return "?"
    return number(sum(known)) + ("" if len(known) == len(nodes) else " + ?")


def _by_reason(graph: Graph, nodes: Iterable[Node]) -> Mapping[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in nodes:
        found.setdefault(graph.blocked(node.spec.id), []).append(node)
    return found
