"""Which runs of a paper are trained for a number of GPU-hours."""

from __future__ import annotations

from dataclasses import dataclass

from attnctl.cli.reproducing.graph import Graph, Node


@dataclass(frozen=True, kw_only=True)
class Choice:
    """train: the runs to train, in their order. beyond: those that the budget leaves out. blocked: those that lack
    weights, or start from such a run. hours: of `train`, as likely as not, of all processes together."""

    train: tuple[Node, ...]
    beyond: tuple[Node, ...] = ()
    blocked: tuple[Node, ...] = ()
    hours: float = 0.0


def choose(graph: Graph, budget: float | None = None) -> Choice:
    """The runs to train: in the graph's order, each with the bases that it needs, while the budget lasts.

    budget: in process-hours; None: no limit. A run of unknown cost is left out if there is a budget.
    """
    train: dict[str, Node] = {}
    beyond: list[Node] = []
    blocked: list[Node] = []
    spent = 0.0
    for run, node in graph.nodes.items():
        if not node.starts or run in train:
            continue
        if graph.blocked(run):
            blocked.append(node)
            continue
        chain = [item for item in graph.chain(run) if item.spec.id not in train]
        known = [item.hours for item in chain if item.hours is not None]
        cost = sum(known)
        if budget is not None and (len(known) < len(chain) or spent + cost > budget):
            beyond.append(node)
            continue
        train |= {item.spec.id: item for item in chain}
        spent += cost
    return Choice(train=tuple(train.values()), beyond=tuple(beyond), blocked=tuple(blocked), hours=spent)
