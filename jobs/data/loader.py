"""Loads samples of any kind in a fixed order, with or without worker processes.

Each sample has a random generator seeded by (seed, step, replica, position), so neither the number of worker processes
nor the point at which a run was interrupted changes the result.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.data.order import Order, share
from attnctl.jobs.data.seeding import derive
from attnctl.spec import RunSpec


class SampleRequest(NamedTuple):
    """An image by number. draw: the (step, replica, position) from which its random generator is seeded."""

    number: int
    draw: tuple[int, int, int] = (0, 0, 0)


class Unreadable(NamedTuple):
    """Takes the place of an image that cannot be read, so that the error leaves the worker process as one line.

    missing: the image is not there.
    """

    message: str
    missing: bool = False

    @classmethod
    def of(cls, error: DataError) -> Unreadable:
        """What takes the place of the image that raised this error."""
        return cls(str(error), isinstance(error, MissingDataError))

    def error(self) -> DataError:
        """The error again."""
        return MissingDataError(self.message) if self.missing else DataError(self.message)


B = TypeVar("B")
"""A training batch as returned by a worker process."""
E = TypeVar("E")
"""What an evaluation loads at once."""

Samples = tuple[Dataset[Any], Tensor, Callable[[list[Any]], B | Unreadable]]
"""(dataset that maps a SampleRequest to a sample or an Unreadable, numbers of the samples to use, function that makes a
batch of samples or returns the first Unreadable among them)."""

Batches = Callable[[], Iterator[list[SampleRequest]]]


@contextmanager
def sample_rng(seed: int, request: SampleRequest) -> Iterator[None]:
    """Seed torch's default generator, from which torchvision's transforms draw, for one sample."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, "augment", *request.draw))
        yield


class Stream(Generic[B, E]):
    """The training and evaluation samples of a run. Only one `train` iterator may be in use at a time."""

    def __init__(
        self,
        spec: RunSpec,
        train: Samples[B],
        test: Samples[E],
        device: torch.device,
        *,
        evaluation_batch: int,
        workers: int,
    ) -> None:
        self._training, self._evaluated = train[1], test[1]
        self._evaluation_batch = evaluation_batch
        self._order = Order(spec, len(self._training))
        self._train = _Loader(train[0], train[2], device, workers)
        self._test = _Loader(test[0], test[2], device, workers)

    @property
    def steps_per_epoch(self) -> int:
        """Global batches per epoch."""
        return self._order.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """The number of samples that all ranks together evaluate."""
        return len(self._evaluated)

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[int, int, B]]:
        """Yield (step, replica, batch) for each step in start..steps-1 and each replica; raises DataError."""

        def requests() -> Iterator[list[SampleRequest]]:
            for step, replica, chosen in self._order.batches(start, replicas, steps):
                numbers = self._training[chosen].tolist()
                yield [SampleRequest(number, (step, replica, position)) for position, number in enumerate(numbers)]

        indices = ((step, replica) for step in range(start, steps) for replica in replicas)
        for (step, replica), batch in zip(indices, self._train.load(requests), strict=True):
            yield step, replica, batch

    def evaluate(self, rank: int, world: int) -> Iterator[E]:
        """Yield this rank's share of the evaluation samples; raises DataError."""
        mine = share(self.evaluation_size, rank, world)

        def requests() -> Iterator[list[SampleRequest]]:
            for begin in range(0, len(mine), self._evaluation_batch):
                numbers = self._evaluated[list(mine[begin : begin + self._evaluation_batch])].tolist()
                yield [SampleRequest(number) for number in numbers]

        yield from self._test.load(requests)

    def close(self) -> None:
        """Stop the worker processes; iterators that are still in use end."""
        self._train.close()
        self._test.close()


class _Loader(Generic[B]):
    """A DataLoader whose worker processes outlive an epoch; each call of `load` defines what to load."""

    def __init__(
        self, samples: Dataset[Any], collate: Callable[[list[Any]], B | Unreadable], device: torch.device, workers: int
    ) -> None:
        self._plan = _Plan()
        # Forked, not spawned: a worker that is still importing would die from the signals that this process handles.
        options: dict[str, Any] = {"multiprocessing_context": "fork", "persistent_workers": True} if workers else {}
        self._running: Generator[B, None, None] | None = None
        self._loader: DataLoader[Any] | None = DataLoader(
            samples,
            batch_sampler=self._plan,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=device.type == "cuda",
            worker_init_fn=_ignore_scheduler_signals,
            generator=torch.Generator(),  # so that the workers' seed is not drawn from the network's generator
            **options,
        )

    def load(self, requests: Batches) -> Iterator[B]:
        """Yield a batch for each list that `requests` yields, in order; raises DataError."""
        self._plan.batches = requests
        self._running = self._load()
        return self._running

    def _load(self) -> Generator[B, None, None]:
        assert self._loader is not None, "the data is closed"
        with _scheduler_signals_blocked():
            batches = iter(self._loader)
        try:
            while (batch := next(batches, None)) is not None:
                if isinstance(batch, Unreadable):
                    raise batch.error()
                yield batch
        finally:
            # A traceback would keep it alive longer than the loader; the garbage collector cannot end its workers.
            del batches

    def close(self) -> None:
        """Stop the worker processes: a DataLoader does so when nothing refers to it or its iterator."""
        if self._running:
            self._running.close()
        self._loader = self._running = None


class _Plan(Sampler[list[SampleRequest]]):
    """A batch sampler whose content can be replaced while the worker processes stay."""

    batches: Batches

    def __iter__(self) -> Iterator[list[SampleRequest]]:
        return self.batches()


_SCHEDULER_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGUSR2})
"""What the scheduler sends to all processes of a job."""


@contextmanager
def _scheduler_signals_blocked() -> Iterator[None]:
    """Block the signals in this thread, so that every thread of a worker process that it forks is born with them
    blocked: PyTorch starts threads in a worker before `worker_init_fn` is called. What arrives meanwhile comes later.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SCHEDULER_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore_scheduler_signals(_worker: int) -> None:
    """Ignore the scheduler's signals: the rank handles them and stops its workers.

    SIGTERM is also how the rank's DataLoader stops an unresponsive worker, so it is obeyed if the rank sent it.
    """
    for number in _SCHEDULER_SIGNALS - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_exit_when_parent_terminates, daemon=True).start()


def _exit_when_parent_terminates() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
