"""What runs will cost, by earlier runs of the same kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.sweeping.cost import Estimate, estimate
from attnctl.db import open_index
from attnctl.grid import Axes, expand
from attnctl.settings.config import find
from attnctl.units import duration, size


def test_the_cost_of_runs_like_earlier_ones_is_known(trained: Path) -> None:
    config = find(trained, trained, {})
    fields = {"epochs": ("1",), "input_size": ("8",), "batch": ("256",), "norm_batch": ("128",)}
    known = expand(Axes(modules=("ela",), seeds=("1", "2"), overrides=fields)).specs
    longer = expand(Axes(modules=("ela",), overrides=fields | {"epochs": ("2",)})).specs
    assert estimate(config, known).unknown == 2, "without an index nothing is known"
    with open_index(config.workspace) as index:
        index.refresh()
    found = estimate(config, [*known, *longer])
    assert (found.runs, found.unknown) == (3, 1)
    assert found.hours > 0
    assert found.bytes > 0
    one = estimate(config, known[:1])
    assert found.hours == pytest.approx(2 * one.hours)
    assert found.bytes == 2 * one.bytes


def test_the_text_of_an_estimate_names_the_runs_that_it_excludes() -> None:
    whole = Estimate(3, 1.2, 40_000_000, 0).words()
    assert duration(1.2 * 3600) in whole
    assert size(40_000_000) in whole
    assert "3 runs" not in whole
    assert "1 of 3 runs" in Estimate(3, 1.2, 40_000_000, 1).words()
    assert "unknown" in Estimate(3, 0.0, 0, 3).words()
