"""The limit that `--time auto` sets, and that is proposed where none is set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attnctl.cli.sweeping import launch
from attnctl.cli.sweeping.destination import Destination
from attnctl.cli.sweeping.time_limit import limited, proposed
from attnctl.cost import CostModel
from attnctl.cost.shapes import length_of
from attnctl.settings.config import SlurmOptions, find
from attnctl.workspace.records import Request, Resources, Submission
from tests.attnctl.cost.measured import observed, spec
from tests.fixtures.fake_slurm import Fake

RUN, OTHER = spec(), spec("ela")


def destination(time: str | None, partition: str = "main") -> Destination:
    options = SlurmOptions(time=time, partition=partition)
    return Destination(where="slurm", options=options, resources=Resources(minutes=options.minutes))


def taking(seconds: float) -> CostModel:
    """Both runs were measured: one takes so long, the other half as long."""
    speed = length_of(RUN).images / seconds
    return CostModel([observed(run, factor * speed, evaluation_seconds=0.0) for run, factor in ((RUN, 1), (OTHER, 2))])


def test_the_longest_run_counts_and_the_partition_caps_it(fake: Fake) -> None:
    fake.says("sinfo", "4|infinite|(null)|main*\n4|1:00:00|(null)|short\n")
    limit = proposed(taking(6000), destination("auto"), [RUN, OTHER])
    assert (limit.minutes, limit.short) == (180, False)
    assert limit.words() == "3.0 h, as the longest run may need 2.3 h"
    capped = proposed(taking(6000), destination("auto", "short"), [RUN, OTHER])
    assert (capped.minutes, capped.short) == (60, True)
    assert "continues in further jobs" in capped.words()
    assert proposed(taking(6000), destination("auto"), [OTHER]).minutes == 120


def test_a_run_without_an_estimate_leaves_the_limit_to_the_cluster(fake: Fake) -> None:
    fake.says("sinfo", "")
    limit = proposed(CostModel([]), destination("auto"), [])
    assert limit.minutes is None
    assert "attnctl try" in limit.words()


@pytest.mark.parametrize(("time", "minutes"), [("auto", 10), (None, None), ("30", 30)])
def test_only_auto_sets_the_limit_and_without_one_it_is_proposed(
    fake: Fake, time: str | None, minutes: int | None
) -> None:
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    found, words = limited(CostModel([]), destination(time), [RUN])
    assert found.resources.minutes == minutes
    expected = {"auto": "time limit: 10 min", None: "no time limit is set; --time auto would set 10 min", "30": ""}
    assert words.startswith(expected[time])
    assert bool(words) == bool(expected[time])


def test_each_run_has_the_limit_of_its_own_estimate_and_runs_of_one_limit_share_arrays(fake: Fake) -> None:
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    found, words = limited(taking(6000), destination("auto"), [RUN, OTHER])
    assert {run: shape.resources.minutes for run, shape in found.shapes.items()} == {RUN.id: 180, OTHER.id: 120}
    assert words == (
        "time limits: 1 run: 2.0 h, as the longest run may need 1.2 h; 1 run: 3.0 h, as the longest run may need 2.3 h"
    )
    assert limited(taking(60), destination("auto"), [RUN, OTHER])[0].shapes == {}  # both 10 minutes
    _, advice = limited(taking(6000), destination(None), [RUN, OTHER])
    assert advice.startswith("no time limit is set; --time auto would set 1 run: 2.0 h, as")


def test_the_array_of_each_limit_asks_for_it(fake: Fake, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    fake.does("sbatch", "cat > /dev/null; echo $$")
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    found, _ = limited(taking(6000), destination("auto"), [RUN, OTHER])
    config = find(folder, folder, {})
    jobs, batches = launch.submit(config, [RUN, OTHER], found)
    assert [run for batch in batches for run, _ in batch.tasks] == [RUN.id, OTHER.id]
    assert len({job.tag for job in jobs.values()}) == 2
    scripts = [Submission.read(config.workspace.submission(batch.tag)) for batch in batches]
    times = [re.findall(r"--time=(\d+)", submission.script) for submission in scripts if submission is not None]
    assert times == [["180"], ["120"]]
    requests = [config.workspace.run(run.id).attempt(1).request for run in (RUN, OTHER)]
    assert [request.resources["minutes"] for path in requests if (request := Request.read(path))] == [180, 120]
