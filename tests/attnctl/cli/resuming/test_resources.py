"""Resources of a resumed run: the last attempt's, overridden by options."""

from __future__ import annotations

import dataclasses

import pytest

from attnctl.cli.resuming.resources import next_destination, spread
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cost import CostModel
from attnctl.cost.shapes import length_of
from attnctl.lifecycle.resume_policy import Action, Decision
from attnctl.settings.config import SlurmOptions
from attnctl.workspace.records import Request, Resources
from tests.attnctl.cli.past_runs import Past
from tests.attnctl.cost.measured import observed
from tests.fixtures.fake_slurm import Fake


def nothing_measured() -> CostModel:
    return CostModel([])


def test_the_limit_of_time_auto_follows_from_what_was_measured_and_what_is_left(past: Past, fake: Fake) -> None:
    fake.says("sinfo", "4|1-00:00:00|(null)|debug*\n")
    (past.root / "attnctl.toml").write_text("[slurm]\ntime = 'auto'\n")
    (spec,) = past.specs(1)
    past.attempt(spec, "TIMEOUT", minutes=10)
    request = Request.read(past.config.workspace.run(spec.id).attempt(1).request)
    assert request is not None
    images = length_of(spec).images
    slow = CostModel([observed(spec, images / 6000, evaluation_seconds=0.0)])  # of 100 minutes

    def limit(left: float, given: ResourceOptions, asked: Request = request) -> int | None:
        decision = Decision(run=spec.id, action=Action.CONTINUE)
        return next_destination(past.config, asked, spec, decision, given, lambda: slow, left).resources.minutes

    assert limit(1.0, ResourceOptions()) == 180, "100 minutes, in 140 at most, and a margin"
    assert limit(0.2, ResourceOptions()) == 45
    assert limit(1.0, ResourceOptions(time="50")) == 50
    explicit = dataclasses.replace(request, options={"from_command": ["minutes"]})
    assert limit(1.0, ResourceOptions(), explicit) == 10
    assert limit(1.0, ResourceOptions(time="auto"), explicit) == 180
    (past.root / "attnctl.toml").write_text("[slurm]\ntime = '60'\n")
    assert limit(1.0, ResourceOptions()) == 60
    assert limit(1.0, ResourceOptions(), dataclasses.replace(request, options={"time": "auto"})) == 180


def test_a_node_that_broke_is_left_out_and_the_shape_is_that_of_the_last_attempt(past: Past) -> None:
    (past.root / "attnctl.toml").write_text("[slurm]\npartition = 'new'\ntime = '60'\nexclude = 'n9'\n")
    (spec,) = past.specs(1)
    options = {"partition": "gpu", "mem": "8G", "from_command": ["partition", "minutes"]}
    past.attempt(spec, "NODE_FAIL", options=options, nodes=2, minutes=7)
    request = Request.read(past.config.workspace.run(spec.id).attempt(1).request)
    assert request is not None
    decision = Decision(run=spec.id, action=Action.OTHER_NODE, exclude=("n1",), memory=9000)
    made = next_destination(past.config, request, spec, decision, ResourceOptions(), nothing_measured)
    assert (made.options.partition, made.options.exclude, made.options.mem) == ("gpu", "n9,n1", "9000M")
    assert (made.resources.nodes, made.resources.minutes) == (2, 7)
    told = next_destination(
        past.config,
        request,
        spec,
        decision,
        ResourceOptions(time="2:00:00", partition="big", nodes=4),
        nothing_measured,
    )
    assert (told.options.partition, told.resources.minutes, told.resources.nodes) == ("big", 120, 4)
    unsaid = dataclasses.replace(request, options={"partition": "gpu", "from_command": []})
    start = Decision(run=spec.id, action=Action.START)
    mended = next_destination(past.config, unsaid, spec, start, ResourceOptions(), nothing_measured)
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
