"""What an attempt leaves behind: its log, its nodes."""

from __future__ import annotations

from attnctl.lifecycle.attempts import nodes
from attnctl.workspace.records import Resources
from tests.attnctl.cli.past_runs import Past


def test_only_a_single_node_is_reported(past: Past) -> None:
    (spec,) = past.specs(1)
    found = []
    for number, said in enumerate(["node1", "node[1-2]", "None assigned", "", "a,b"], start=1):
        past.attempt(spec, "NODE_FAIL", number=number, node=said)
        found.append(nodes(past.config.workspace.run(spec.id).attempt(number).observations()))
    assert found == [("node1",), (), (), (), ()]
    assert Resources().world == 1
