"""A small data set of image files."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from attnctl.datasets import describe
from attnctl.jobs.data.stream import StreamedData, open_stream
from tests.jobs.data.conftest import MakeSpec

SMALL = dataclasses.replace(describe("imagenet"), classes=3, train_size=18, test_size=12)
CPU = torch.device("cpu")
Tensors = Sequence[torch.Tensor]
Opener = Callable[..., StreamedData]


def same(batches: Iterable[Tensors], others: Iterable[Tensors]) -> bool:
    pairs = list(zip(batches, others, strict=True))
    return bool(pairs) and all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


@contextlib.contextmanager
def opener(make_spec: MakeSpec, folders: Path) -> Iterator[Opener]:
    """Opens streams of this data set, and closes them."""
    streams: list[StreamedData] = []

    def open_it(
        folder: Path = folders, workers: int = 0, stage: bool = False, seed: int = 0, **recipe: Any
    ) -> StreamedData:
        chosen: dict[str, Any] = {"batch": 4, "norm_batch": 2, "augment": "imagenet", "input_size": 32, **recipe}
        spec = make_spec("imagenet", seed, **chosen)
        streams.append(open_stream(spec, SMALL, folder, CPU, workers=workers, stage=stage))
        return streams[-1]

    yield open_it
    for stream in streams:
        stream.close()
