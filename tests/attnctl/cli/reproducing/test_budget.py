"""Which runs a budget covers: the most compared first, each with its bases."""

from __future__ import annotations

from dataclasses import replace

from attnctl.cli.reproducing.budget import choose
from attnctl.cli.reproducing.graph import Graph, Node
from attnctl.cli.sweeping.plan import Action, Planned
from attnctl.cost import Estimate
from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec, Start

HOUR = 3600.0


def specs(count: int) -> list[RunSpec]:
    return expand(Axes(modules=("none",), seeds=tuple(map(str, range(count))))).specs


def node(spec: RunSpec, hours: float | None, action: Action = Action.NEW, lacking: str = "") -> Node:
    estimate = None
    if hours is not None:
        estimate = Estimate(low=hours * HOUR, likely=hours * HOUR, high=hours * HOUR, kind="counts", source="assumed")
    return Node(planned=Planned(spec, action), estimate=estimate, lacking=lacking)


def graph(*nodes: Node) -> Graph:
    return Graph(nodes={item.spec.id: item for item in nodes})


def after(base: RunSpec, seed: int) -> RunSpec:
    return replace(base, seed=seed, init=str(Start(run=base.id)), origin=base)


def test_without_a_budget_everything_that_is_missing_is_trained() -> None:
    first, second, third = specs(3)
    nodes = replace(node(first, 1), processes=2), node(second, None), node(third, None, Action.DONE)
    choice = choose(graph(*nodes))
    assert (choice.train, choice.beyond, choice.hours) == (nodes[:2], (), 2.0)


def test_a_run_is_trained_only_if_its_bases_fit_too() -> None:
    base, other = specs(2)
    dependent = after(base, 7)
    nodes = graph(node(other, 1), node(base, 3), node(dependent, 1))
    assert [item.spec for item in choose(nodes, budget=4).train] == [other, base]
    assert [item.spec for item in choose(nodes, budget=5).train] == [other, base, dependent]
    assert [item.spec for item in choose(nodes, budget=4).beyond] == [dependent]


def test_what_fits_after_what_does_not_is_still_trained() -> None:
    large, small = specs(2)
    choice = choose(graph(node(large, 10), node(small, 1)), budget=2)
    assert [item.spec for item in choice.train] == [small]
    assert choice.hours == 1


def test_a_run_of_unknown_cost_is_not_within_a_budget() -> None:
    (spec,) = specs(1)
    choice = choose(graph(node(spec, None)), budget=100)
    assert (choice.train, [item.spec for item in choice.beyond]) == ((), [spec])


def test_a_run_whose_base_lacks_weights_is_blocked() -> None:
    base, other = specs(2)
    dependent = after(base, 7)
    choice = choose(graph(node(base, 1, lacking="no weights"), node(dependent, 1), node(other, 1)))
    assert [item.spec for item in choice.blocked] == [base, dependent]
    assert [item.spec for item in choice.train] == [other]
