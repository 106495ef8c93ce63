"""Resources of a resumed run: the last attempt's, overridden by options."""

from __future__ import annotations

import dataclasses

from attnctl.cli.resuming.resources import next_destination
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.lifecycle.resume_policy import Action, Decision
from attnctl.workspace.records import Request
from tests.attnctl.cli.past_runs import Past


def test_a_node_that_broke_is_left_out_and_the_shape_is_that_of_the_last_attempt(past: Past) -> None:
    (past.root / "attnctl.toml").write_text("[slurm]\npartition = 'new'\ntime = '60'\nexclude = 'n9'\n")
    (spec,) = past.specs(1)
    options = {"partition": "gpu", "mem": "8G", "from_command": ["partition", "minutes"]}
    past.attempt(spec, "NODE_FAIL", options=options, nodes=2, minutes=7)
    request = Request.read(past.config.workspace.run(spec.id).attempt(1).request)
    assert request is not None
    decision = Decision(run=spec.id, action=Action.OTHER_NODE, exclude=("n1",), memory=9000)
    made = next_destination(past.config, request, spec, decision, ResourceOptions())
    assert (made.options.partition, made.options.exclude, made.options.mem) == ("gpu", "n9,n1", "9000M")
    assert (made.resources.nodes, made.resources.minutes) == (2, 7)
    told = next_destination(
        past.config, request, spec, decision, ResourceOptions(time="2:00:00", partition="big", nodes=4)
    )
    assert (told.options.partition, told.resources.minutes, told.resources.nodes) == ("big", 120, 4)
    unsaid = dataclasses.replace(request, options={"partition": "gpu", "from_command": []})
    mended = next_destination(past.config, unsaid, spec, Decision(run=spec.id, action=Action.START), ResourceOptions())
    assert (mended.options.partition, mended.resources.minutes) == ("new", 60)
