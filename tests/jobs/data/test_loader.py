"""Loading in a fixed order, whatever the number of worker processes and wherever a run was cut."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.data.loader import SampleRequest, Stream, Unreadable, sample_rng
from attnctl.spec import RunSpec
from tests.jobs.training.training_workers import answers_of

CPU = torch.device("cpu")


class Numbers(Dataset[Tensor | Unreadable]):
    """Each sample is its number and a random one; number `broken` cannot be read, or is not there."""

    def __init__(self, seed: int = 0, broken: int = -1, missing: bool = False) -> None:
        self.seed, self.broken, self.missing = seed, broken, missing

    def __getitem__(self, wanted: SampleRequest) -> Tensor | Unreadable:
        if wanted.number == self.broken:
            return Unreadable(f"image {wanted.number} cannot be read", self.missing)
        with sample_rng(self.seed, wanted):
            return torch.cat([torch.tensor([float(wanted.number)]), torch.rand(1)])


def stack(samples: list[Tensor | Unreadable]) -> Tensor | Unreadable:
    good = [sample for sample in samples if not isinstance(sample, Unreadable)]
    return torch.stack(good) if len(good) == len(samples) else next(s for s in samples if isinstance(s, Unreadable))


@pytest.fixture
def opened(make_spec: Callable[..., RunSpec]) -> Callable[..., Stream[Tensor, Tensor]]:
    def open_it(workers: int = 0, broken: int = -1, seed: int = 0, *, missing: bool = False) -> Stream[Tensor, Tensor]:
        spec = dataclasses.replace(make_spec(batch=8, norm_batch=4), seed=seed)
        learned = Numbers(seed, broken, missing), torch.arange(100, 120), stack
        judged = Numbers(seed, broken, missing), torch.arange(7), stack
        return Stream(spec, learned, judged, CPU, evaluation_batch=3, workers=workers)

    return open_it


Opened = Callable[..., Stream[Tensor, Tensor]]


def all_of(stream: Stream[Tensor, Tensor], start: int = 0, replicas: range = range(2)) -> dict[tuple[int, int], Tensor]:
    return {(step, replica): batch for step, replica, batch in stream.train(start, replicas, 4)}


def test_an_epoch_contains_each_sample_at_most_once(opened: Opened) -> None:
    stream = opened()
    assert stream.steps_per_epoch == 2
    found = all_of(stream)
    assert list(found) == [(step, replica) for step in range(4) for replica in range(2)]
    first = torch.cat([found[step, replica][:, 0] for step in range(2) for replica in range(2)])
    assert len(set(first.tolist())) == 16
    assert set(first.tolist()) <= set(range(100, 120))


@pytest.mark.parametrize("workers", [0, 2])
def test_interruptions_processes_and_workers_change_no_number(workers: int, opened: Opened) -> None:
    whole = all_of(opened())
    stream = opened(workers)
    for start, replicas in ((0, range(2)), (3, range(2)), (1, range(1, 2))):
        for key, batch in all_of(stream, start, replicas).items():
            assert torch.equal(batch, whole[key]), key
    stream.close()


def test_another_seed_draws_other_numbers(opened: Opened) -> None:
    assert not torch.equal(all_of(opened())[0, 0], all_of(opened(seed=1))[0, 0])


@pytest.mark.parametrize("world", [1, 2, 3])
def test_an_evaluation_over_all_ranks_contains_each_sample_once(world: int, opened: Opened) -> None:
    stream = opened()
    shares = [torch.cat(list(stream.evaluate(rank, world))) for rank in range(world)]
    assert stream.evaluation_size == 7
    assert sorted(torch.cat(shares)[:, 0].tolist()) == list(range(7))
    assert max(len(batch) for batch in stream.evaluate(0, 1)) == 3


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_sample_is_a_data_error(workers: int, opened: Opened) -> None:
    stream = opened(workers, broken=5)
    with pytest.raises(DataError, match=r"^image 5 cannot be read$"):
        list(stream.evaluate(0, 1))
    stream.close()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_sample_is_missing_data(workers: int, opened: Opened) -> None:
    stream = opened(workers, broken=5, missing=True)
    with pytest.raises(MissingDataError, match=r"^image 5 cannot be read$"):
        list(stream.evaluate(0, 1))
    stream.close()


def test_drawing_does_not_change_the_networks_random_numbers() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with sample_rng(0, SampleRequest(7, (1, 0, 2))):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    with sample_rng(0, SampleRequest(9, (1, 0, 2))):
        assert torch.equal(torch.rand(2), inside), "what is drawn depends on the place, not on the image"


def count_open_threads(rank: int, folder: Path, answers: Any) -> None:
    """In a fresh process: PyTorch's pool of threads is made once in a process, and again in each one that it forks."""
    torch.set_num_threads(4)
    spec = RunSpec.from_json(json.loads((folder / "spec.json").read_text()))
    samples = Numbers(), torch.arange(20), stack
    stream = Stream(spec, samples, samples, CPU, evaluation_batch=3, workers=2)
    batches = stream.train(0, range(2), 4)
    next(batches), next(batches)  # one from each worker: both have begun
    workers = [child.pid for child in multiprocessing.active_children()]
    answers.put({pid: threads_open_to(signal.SIGTERM, pid) for pid in [*workers, os.getpid()]})
    stream.close()


def threads_open_to(number: int, pid: int | None) -> int:
    """How many threads of a process do not block the signal."""
    statuses = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    masks = [int(status.split("SigBlk:")[1].split()[0], 16) for status in statuses]
    return sum(not mask >> (number - 1) & 1 for mask in masks)


def test_no_thread_of_a_worker_is_open_to_the_schedulers_signals(
    make_spec: Callable[..., RunSpec], tmp_path: Path
) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(make_spec(batch=8, norm_batch=4).to_json()))
    ((first, second, parent),) = (list(answer.values()) for answer in answers_of(count_open_threads, 1, tmp_path))
    assert (first, second) == (1, 1), "only the thread that waits for it"
    assert parent >= 1
