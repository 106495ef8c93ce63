"""Loading in a fixed order, by worker processes or without them: what kind of samples these are is the data set's.

Each sample draws from a generator seeded by (seed, step, replica, position), so that the number of worker processes,
and where a run was cut, change nothing.
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

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.order import Order, share
from attnctl.jobs.data.seeding import derive
from attnctl.spec import RunSpec


class Wanted(NamedTuple):
    """An image by number; `draw` is the (step, replica, position) that its randomness derives from."""

    number: int
    draw: tuple[int, int, int] = (0, 0, 0)


class Unreadable(NamedTuple):
    """In an image's place, so that the error comes out of a worker process as one line."""

    message: str


B = TypeVar("B")
"""A batch of training, as it comes out of a worker process."""
E = TypeVar("E")
"""What an evaluation loads at once."""

Samples = tuple[Dataset[Any], Tensor, Callable[[list[Any]], B | Unreadable]]
"""(maps a `Wanted` to a sample or an Unreadable, the numbers to load, makes a batch of samples or gives the first
Unreadable of them)."""

Batches = Callable[[], Iterator[list[Wanted]]]


@contextmanager
def drawing(seed: int, wanted: Wanted) -> Iterator[None]:
    """Torch's default generator, from which torchvision's transforms draw, is the sample's own in here."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, "augment", *wanted.draw))
        yield


class Stream(Generic[B, E]):
    """The samples that a run learns from and those that judge it. One `train` iterator is in use at a time."""

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
        self._learned, self._judged = train[1], test[1]
        self._evaluation_batch = evaluation_batch
        self._order = Order(spec, len(self._learned))
        self._train = _Loader(train[0], train[2], device, workers)
        self._test = _Loader(test[0], test[2], device, workers)

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""
        return self._order.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """Samples that all ranks together evaluate."""
        return len(self._judged)

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[int, int, B]]:
        """(step, replica, batch) for each step in start..steps-1 and each replica; raises DataError."""

        def wanted() -> Iterator[list[Wanted]]:
            for step, replica, chosen in self._order.batches(start, replicas, steps):
                numbers = self._learned[chosen].tolist()
                yield [Wanted(number, (step, replica, position)) for position, number in enumerate(numbers)]

        places = ((step, replica) for step in range(start, steps) for replica in replicas)
        for (step, replica), batch in zip(places, self._train.load(wanted), strict=True):
            yield step, replica, batch

    def evaluate(self, rank: int, world: int) -> Iterator[E]:
        """This rank's share of the evaluated samples; raises DataError."""
        mine = share(self.evaluation_size, rank, world)

        def wanted() -> Iterator[list[Wanted]]:
            for begin in range(0, len(mine), self._evaluation_batch):
                numbers = self._judged[list(mine[begin : begin + self._evaluation_batch])].tolist()
                yield [Wanted(number) for number in numbers]

        yield from self._test.load(wanted)

    def close(self) -> None:
        """End the worker processes, and with them the iterators that are still in use."""
        self._train.close()
        self._test.close()


class _Loader(Generic[B]):
    """A DataLoader whose worker processes outlive an epoch; what it loads is said anew each time."""

    def __init__(
        self, samples: Dataset[Any], collate: Callable[[list[Any]], B | Unreadable], device: torch.device, workers: int
    ) -> None:
        self._plan = _Plan()
        # Forked, not spawned: a worker that is still importing would die of the signals that this process handles.
        options: dict[str, Any] = {"multiprocessing_context": "fork", "persistent_workers": True} if workers else {}
        self._running: Generator[B, None, None] | None = None
        self._loader: DataLoader[Any] | None = DataLoader(
            samples,
            batch_sampler=self._plan,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=device.type == "cuda",
            worker_init_fn=_answer_to_the_rank_alone,
            generator=torch.Generator(),  # its seed for the workers is not drawn from the network's generator
            **options,
        )

    def load(self, wanted: Batches) -> Iterator[B]:
        """A batch of each list that `wanted` yields, in order; raises DataError."""
        self._plan.batches = wanted
        self._running = self._load()
        return self._running

    def _load(self) -> Generator[B, None, None]:
        assert self._loader is not None, "the data is closed"
        batches = iter(self._loader)
        try:
            while (batch := next(batches, None)) is not None:
                if isinstance(batch, Unreadable):
                    raise DataError(batch.message)
                yield batch
        finally:
            # In a traceback it would outlive the loader, to be collected in a cycle, where it cannot end its workers.
            del batches

    def close(self) -> None:
        """End the worker processes: a DataLoader does so when nothing refers to it or its iterator."""
        if self._running:
            self._running.close()
        self._loader = self._running = None


class _Plan(Sampler[list[Wanted]]):
    """A batch sampler that can be told what comes next, while the worker processes stay."""

    batches: Batches

    def __iter__(self) -> Iterator[list[Wanted]]:
        return self.batches()


def _answer_to_the_rank_alone(_worker: int) -> None:
    """What the scheduler sends to all processes of a job is not for a worker: the rank answers it and ends its workers.

    SIGTERM is also how the rank's DataLoader ends a worker that does not listen, so it counts when it comes from there.
    """
    for number in (signal.SIGINT, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    Thread(target=_end_on_the_ranks_word, daemon=True).start()


def _end_on_the_ranks_word() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
