"""Where samples lie."""

from __future__ import annotations

import statistics

import pytest

from attnctl.search.points import Method, position


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_a_dimension_has_the_same_points_whatever_follows_it(method: Method) -> None:
    alone = [position(method, 3, ["lr"], "lr", sample, 0) for sample in range(20)]
    beside = [position(method, 3, ["lr", "ela.kernel", "r"], "lr", sample, 0) for sample in range(20)]
    assert alone == beside
    assert len(set(alone)) == 20


def test_sobol_points_fill_each_dimension_evenly() -> None:
    names = ["lr", "weight_decay"]
    for name in names:
        points = [position("sobol", 1, names, name, sample, 0) for sample in range(16)]
        assert sorted(int(16 * ((point - points[0]) % 1.0 + 1e-9)) for point in points) == list(range(16))


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_the_seed_the_name_and_the_draw_change_the_points(method: Method) -> None:
    points = {
        position(method, seed, ["lr", "r"], name, 5, draw)
        for seed in (0, 1)
        for name in ("lr", "r")
        for draw in (0, 1, 2)
    }
    assert len(points) == 12
    assert all(0 <= point < 1 for point in points)


def test_random_points_are_the_same_in_every_release() -> None:
    assert [position("random", 0, ["lr"], "lr", sample, 0) for sample in range(3)] == PINNED
    many = [position("random", 0, ["lr"], "lr", sample, 0) for sample in range(2000)]
    assert statistics.mean(many) == pytest.approx(0.5, abs=0.03)


PINNED = [0.6230310325471463, 0.5715327382732859, 0.20108697203755665]
