"""What an attempt leaves behind: its log, its nodes."""

from __future__ import annotations

import json

from attnctl.lifecycle.attempts import nodes, read_log
from attnctl.workspace.layout import Incarnation
from attnctl.workspace.records import Resources
from tests.attnctl.cli.past_runs import Past


def test_a_long_log_is_read_from_both_ends(past: Past) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING", began=5)
    incarnation: Incarnation = past.config.workspace.run(spec.id).attempt(1).incarnation(0)
    lines = [json.dumps({"kind": "model", "t": 1.0, "steps": 9000}), json.dumps({"kind": "resumed", "t": 2, "step": 5})]
    for step in range(6, 8000):
        kind = "checkpoint" if step % 1000 == 0 else "progress"
        lines.append(json.dumps({"kind": kind, "t": 2.0 + step, "step": step, "images_per_s": 3.0}))
    incarnation.events.write_text("\n".join(lines) + '\n{"kind": "prog')  # torn, as a kill leaves it
    log = read_log(incarnation)
    assert (log.began, log.step, log.steps, log.saved, log.saved_at) == (5, 7999, 9000, 7000, 7002.0)
    assert (log.first, log.last, log.images_per_s) == (1.0, 8001.0, 3.0)


def test_only_one_node_is_a_node(past: Past) -> None:
    (spec,) = past.specs(1)
    found = []
    for number, said in enumerate(["node1", "node[1-2]", "None assigned", "", "a,b"], start=1):
        past.attempt(spec, "NODE_FAIL", number=number, node=said)
        found.append(nodes(past.config.workspace.run(spec.id).attempt(number).observations()))
    assert found == [("node1",), (), (), (), ()]
    assert Resources().world == 1
