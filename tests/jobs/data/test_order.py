"""The order in which samples are visited."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.order import Order, share
from tests.jobs.data.conftest import MakeSpec

shapes = st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 4, 8]), st.integers(0, 20), st.integers(0, 2**31))


def order_of(make_spec: MakeSpec, norm_batch: int, replicas: int, extra: int, seed: int) -> Order:
    batch = norm_batch * replicas
    return Order(make_spec(batch=batch, norm_batch=norm_batch, seed=seed), batch + extra)


@given(shapes, st.integers(1, 3))
def test_an_epoch_visits_each_sample_at_most_once_and_drops_less_than_one_batch(
    make_spec: MakeSpec, shape: tuple[int, int, int, int], epochs: int
) -> None:
    norm_batch, replicas, extra, seed = shape
    order = order_of(make_spec, norm_batch, replicas, extra, seed)
    for epoch in range(epochs):
        first = epoch * order.steps_per_epoch
        batches = order.batches(first, range(replicas), first + order.steps_per_epoch)
        seen = torch.cat([index for _, _, index in batches]).tolist()
        assert len(seen) == len(set(seen)) > order.samples - order.batch
        assert set(seen) <= set(range(order.samples))


@given(shapes)
def test_batches_are_divided_among_any_number_of_processes(
    make_spec: MakeSpec, shape: tuple[int, int, int, int]
) -> None:
    norm_batch, replicas, extra, seed = shape
    order = order_of(make_spec, norm_batch, replicas, extra, seed)
    steps = 2 * order.steps_per_epoch + 1
    alone = [(s, v, i.tolist()) for s, v, i in order.batches(0, range(replicas), steps)]
    for world in (world for world in (1, 2, 4) if replicas % world == 0):
        per = replicas // world
        parts = [order.batches(0, range(r * per, (r + 1) * per), steps) for r in range(world)]
        together = [(s, v, i.tolist()) for part in parts for s, v, i in part]
        assert sorted(together) == sorted(alone)


@given(shapes, st.data())
def test_a_stream_from_any_step_is_the_rest_of_the_stream_from_0(
    make_spec: MakeSpec, shape: tuple[int, int, int, int], data: st.DataObject
) -> None:
    norm_batch, replicas, extra, seed = shape
    order = order_of(make_spec, norm_batch, replicas, extra, seed)
    steps = 3 * order.steps_per_epoch
    start = data.draw(st.integers(0, steps))
    whole = [(s, v, i.tolist()) for s, v, i in order.batches(0, range(replicas), steps)]
    rest = [(s, v, i.tolist()) for s, v, i in order.batches(start, range(replicas), steps)]
    assert rest == whole[start * replicas :]


@given(st.integers(0, 200), st.integers(1, 16))
def test_evaluation_shares_are_disjoint_complete_and_even(samples: int, world: int) -> None:
    shares = [list(share(samples, rank, world)) for rank in range(world)]
    assert sorted(itertools.chain(*shares)) == list(range(samples))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_epochs_and_seeds_differ(make_spec: MakeSpec) -> None:
    first, second = Order(make_spec(), 64), Order(make_spec(seed=1), 64)
    epoch0, epoch1 = ([i.tolist() for _, _, i in first.batches(s, range(4), s + 4)] for s in (0, 4))
    assert epoch0 != epoch1
    assert epoch0 != [i.tolist() for _, _, i in second.batches(0, range(4), 4)]


def test_a_batch_larger_than_the_set_is_an_error(make_spec: MakeSpec) -> None:
    with pytest.raises(DataError, match="batch=16 is larger than the 15 training samples of digits"):
        Order(make_spec(), 15)


def test_repeated_augmentation_has_each_image_several_times_in_different_replicas(make_spec: MakeSpec) -> None:
    order = Order(make_spec(batch=12, norm_batch=4, repeats=3), 40)
    seen = [index.tolist() for _, _, index in order.batches(0, range(3), order.steps_per_epoch)]
    counts = Counter(itertools.chain(*seen))
    assert set(counts.values()) == {3}
    assert len(counts) == 12  # 36 samples
    assert all(len(set(part)) == len(part) for part in seen)
    later = [
        index.tolist() for _, _, index in order.batches(order.steps_per_epoch, range(3), 2 * order.steps_per_epoch)
    ]
    assert later != seen
    resumed = [index.tolist() for _, _, index in order.batches(1, range(1, 3), order.steps_per_epoch)]
    assert resumed == [part for number, part in enumerate(seen) if number >= 3 and number % 3]
