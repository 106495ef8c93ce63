"""Image files that do not fit into memory: torchvision's transforms in worker processes, in a fixed order.

Each sample's transform draws from a generator seeded by (seed, step, replica, position), so that the number of worker
processes, and where a run was cut, change nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from attnctl.datasets import Dataset
from attnctl.spec import RunSpec
from jobs.data.augment import Normalize
from jobs.data.errors import DataError, check_files
from jobs.data.files import ImageFiles, index
from jobs.data.images import Images, Unreadable, Wanted, collate, transforms
from jobs.data.memory import EVALUATION_BATCH
from jobs.data.mixing import Mixing
from jobs.data.order import Order, share
from jobs.data.split import held_out
from jobs.data.staging import staged

Batches = Callable[[], Iterator[list[Wanted]]]


def open_stream(
    spec: RunSpec, dataset: Dataset, folder: Path | None, device: torch.device, *, workers: int, stage: bool
) -> StreamedData:
    """The data of a run from image files; `stage`: from a copy on this node's own disk. Raises DataError."""
    present = check_files(dataset, folder)
    if stage:
        present = staged(present)
    train = index(present / "train", dataset.classes)
    test = train if spec.recipe.val_split else index(present / "val", dataset.classes)
    return StreamedData(spec, dataset, train, test, device, workers)


class StreamedData:
    """`jobs.data.TrainingData` over image files. One `train` iterator is in use at a time, beside one `evaluate`."""

    def __init__(
        self,
        spec: RunSpec,
        dataset: Dataset,
        train: ImageFiles,
        test: ImageFiles,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        recipe = spec.recipe
        learned, judged = torch.arange(len(train.labels)), torch.arange(len(test.labels))
        if recipe.val_split:
            learned, judged = map(torch.from_numpy, held_out(train.labels, recipe.val_split, dataset.name))
        augmented, plain = transforms(recipe.augment, recipe.input_size or dataset.height)
        self._learned, self._judged = learned, judged
        self._order = Order(spec, len(learned))
        self._mixing = Mixing(recipe.mixup, recipe.cutmix, dataset.classes, spec.seed)
        self._normalize = Normalize(dataset.mean, dataset.std, device)
        self._device = device
        self._evaluation_batch = max(recipe.norm_batch, EVALUATION_BATCH)
        self._train = _Loader(Images(train, augmented, spec.seed), device, workers)
        self._test = _Loader(Images(test, plain, spec.seed), device, workers)

    @property
    def steps_per_epoch(self) -> int:
        """Global batches in an epoch."""
        return self._order.steps_per_epoch

    @property
    def evaluation_size(self) -> int:
        """Samples that all ranks together evaluate."""
        return len(self._judged)

    def train(self, start: int, replicas: range, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of each step and replica; see `jobs.data.TrainingData`."""

        def wanted() -> Iterator[list[Wanted]]:
            for step, replica, chosen in self._order.batches(start, replicas, steps):
                numbers = self._learned[chosen].tolist()
                yield [Wanted(number, (step, replica, position)) for position, number in enumerate(numbers)]

        places = ((step, replica) for step in range(start, steps) for replica in replicas)
        for (step, replica), (images, labels) in zip(places, self._train.load(wanted), strict=True):
            yield self._mixing(*self._moved(images, labels), step, replica)

    def evaluate(self, rank: int, world: int) -> Iterator[tuple[Tensor, Tensor]]:
        """This rank's share of the evaluated samples; see `jobs.data.TrainingData`."""
        mine = share(self.evaluation_size, rank, world)

        def wanted() -> Iterator[list[Wanted]]:
            for begin in range(0, len(mine), self._evaluation_batch):
                numbers = self._judged[list(mine[begin : begin + self._evaluation_batch])].tolist()
                yield [Wanted(number) for number in numbers]

        for images, labels in self._test.load(wanted):
            yield self._moved(images, labels)

    def close(self) -> None:
        """End the worker processes, and with them the iterators that are still in use."""
        self._train.close()
        self._test.close()

    def _moved(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = (part.to(self._device, non_blocking=True) for part in (images, labels))
        return self._normalize(images), labels


class _Loader:
    """A DataLoader whose worker processes outlive an epoch; what it loads is said anew each time."""

    def __init__(self, images: Images, device: torch.device, workers: int) -> None:
        self._plan = _Plan()
        # Forked, not spawned: a worker that is still importing would die of the signals that this process handles.
        options: dict[str, Any] = {"multiprocessing_context": "fork", "persistent_workers": True} if workers else {}
        self._running: Generator[tuple[Tensor, Tensor], None, None] | None = None
        self._loader: DataLoader[Any] | None = DataLoader(
            images,
            batch_sampler=self._plan,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=device.type == "cuda",
            worker_init_fn=_answer_to_the_rank_alone,
            generator=torch.Generator(),  # its seed for the workers is not drawn from the network's generator
            **options,
        )

    def load(self, wanted: Batches) -> Iterator[tuple[Tensor, Tensor]]:
        """(images uint8, labels) of each list that `wanted` yields, in order; raises DataError."""
        self._plan.batches = wanted
        self._running = self._load()
        return self._running

    def _load(self) -> Generator[tuple[Tensor, Tensor], None, None]:
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
