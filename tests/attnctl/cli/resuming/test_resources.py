"""Resources of a resumed run: the last attempt's, overridden by options."""

from __future__ import annotations

import dataclasses

import pytest

from attnctl.cli.resuming.resources import next_destination, spread
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.lifecycle.resume_policy import Action, Decision
from attnctl.settings.config import SlurmOptions
from attnctl.workspace.records import Request, Resources
from tests.attnctl.cli.past_runs import Past
from tests.fixtures.fake_slurm import Fake


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


def test_more_processes_are_spread_over_the_nodes_of_the_cluster_that_the_jobs_go_to(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.says("sinfo", "CLUSTER: second\n4|1-00:00:00|gpu:4|gpu*\n2|1-00:00:00|gpu:8|big\n")
    monkeypatch.setenv("SBATCH_PARTITION", "big")
    two = Resources(nodes=1, tasks_per_node=2, gpus_per_node=2)
    options = SlurmOptions(partition="gpu", clusters="second")
    shapes = {world: spread(two, world, options) for world in (4, 8)}
    assert {world: (found.nodes, found.gpus_per_node) for world, found in shapes.items()} == {4: (1, 4), 8: (2, 4)}
    anywhere = spread(two, 8, SlurmOptions(clusters="second"))  # in the partition of the shell
    assert (anywhere.nodes, anywhere.gpus_per_node) == (1, 8)
    assert set(fake.calls("sinfo")) == {"-M second -a -h -o %D|%l|%G|%P"}
