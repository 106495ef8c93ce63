"""Densities of binned values."""

from __future__ import annotations

import numpy as np
import pytest

from attnctl.reports.figures import binned


def test_densities_have_the_area_one_and_the_distance_is_between_0_and_1() -> None:
    first, second = np.zeros(50, np.float32), np.ones(50, np.float32)
    edges = binned.edges([first, second])
    assert (edges[0], edges[-1], len(edges)) == (0.0, 1.0, binned.BINS + 1)
    (apart,) = binned.distributions({"a": [first, second]}, edges)
    assert (apart.densities * np.diff(edges)).sum(1) == pytest.approx([1, 1])
    assert apart.distance == pytest.approx(1.0)
    (alike,) = binned.distributions({"a": [first, first]}, edges, pooled=True)
    assert (len(alike.densities), alike.distance) == (1, 0.0)
    (alone,) = binned.distributions({"a": [np.array([np.nan, 0.5])]}, edges)
    assert alone.distance is None
    assert (alone.densities * np.diff(edges)).sum() == pytest.approx(1)
    assert list(binned.edges([np.full(3, 2.0)])[[0, -1]]) == [1.5, 2.5]
