"""What a sweep will cost: time with its range and source, and disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from attnctl.cli.sweeping.cost import SweepCost, amount, estimate, model_for
from attnctl.cli.sweeping.destination import Destination
from attnctl.cost import Estimate, Machine
from attnctl.db import open_index
from attnctl.grid import Axes, expand
from attnctl.settings.config import Config, SlurmOptions, find
from attnctl.spec import RunSpec
from attnctl.units import size
from attnctl.workspace.records import Resources

HERE = Destination(where="local", options=SlurmOptions(), resources=Resources())


def estimated(config: Config, specs: Sequence[RunSpec]) -> SweepCost:
    return estimate(config, specs, HERE, model_for(config, specs))


def test_the_cost_of_runs_like_earlier_ones_is_measured(trained: Path) -> None:
    config = find(trained, trained, {})
    fields = {"epochs": ("1",), "input_size": ("8",), "batch": ("256",), "norm_batch": ("128",)}
    known = expand(Axes(modules=("ela",), seeds=("1", "2"), overrides=fields)).specs
    longer = expand(Axes(modules=("ela",), overrides=fields | {"epochs": ("2",)})).specs
    (counted,) = estimated(config, known).sources
    assert counted.startswith("counted operations"), "without an index nothing was measured"
    with open_index(config.workspace) as index:
        index.refresh()
    one, found = estimated(config, known[:1]), estimated(config, [*known, *longer])
    assert found.sources == {"1 run of this shape": 3}
    assert found.unknown == 0
    assert found.bytes == 3 * one.bytes > 0
    assert list(found.hours) == pytest.approx([4 * hours for hours in one.hours])
    assert found.in_json()["hours"] == found.hours[1]


def made(kind: str, source: str, low: float = 3000, likely: float = 3600, high: float = 7200) -> Estimate:
    return Estimate(low=low, likely=likely, high=high, kind="counts", source=source)


def test_the_text_names_the_range_the_sources_and_the_runs_that_it_excludes() -> None:
    cost = SweepCost(
        estimates=[made("counts", "a"), made("counts", "a")],
        machines=[Machine(device="a100", world=2)] * 2,
        bytes=40_000_000,
    )
    assert cost.words() == f"estimated cost: 4 GPU-hours (3.3 to 8) and {size(40_000_000)} of disk"
    assert cost.source_words() == "source of the estimate: a"
    several = SweepCost(
        estimates=[made("counts", "a"), made("counts", "b"), made("counts", "b"), None],
        machines=[Machine()] * 4,
        bytes=0,
    )
    assert several.words().endswith("; unknown for 1 of 4 runs")
    assert several.source_words() == "sources of the estimate: for 2 runs, b; for 1 run, a"
    unknown = SweepCost(estimates=[None], machines=[Machine()], bytes=0)
    assert "unknown" in unknown.words()
    assert unknown.source_words() == ""


def test_short_times_are_not_fractions_of_an_hour() -> None:
    assert amount((60 / 3600, 120 / 3600, 240 / 3600), on_gpu=True) == "2 min (1 min to 4 min) of one GPU"
    assert amount((6 / 3600, 8 / 3600, 11 / 3600), on_gpu=False) == "8 s (6 s to 11 s) of one CPU process"
    assert amount((800.0, 1234.5, 2000.0), on_gpu=True) == "1,234 GPU-hours (800 to 2,000)"
