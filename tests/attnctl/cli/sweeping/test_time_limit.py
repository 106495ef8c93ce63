"""The limit that `--time auto` sets, and that is proposed where none is set."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.destination import Destination
from attnctl.cli.sweeping.time_limit import limited, proposed
from attnctl.cost import CostModel
from attnctl.cost.shapes import length_of
from attnctl.settings.config import SlurmOptions
from attnctl.workspace.records import Resources
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
