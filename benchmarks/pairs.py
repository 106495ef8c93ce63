"""A loop beside attnctl's, in interleaved pairs: what the benchmarks of training share."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from attnctl.jobs.data import open_data
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.evaluation import evaluate
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.loop import Trainer
from attnctl.jobs.training.session import build
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.workspace.layout import RunDir


class Loop(Protocol):
    """A training that can be gone on with."""

    def run(self, steps: int) -> float:
        """Seconds of `steps` steps."""


class Ours:
    """attnctl's loop, within an epoch: with its events and agreements, without evaluation and checkpoints."""

    def __init__(self, spec: RunSpec, device: torch.device, folder: Path) -> None:
        data = open_data(spec, DataRoots(), device)
        events = EventLog(folder / "events.jsonl")
        run = RunDir(folder / "run", folder / "run/checkpoints")
        context = TrainingContext(run=run, token=(1, 0))
        self.trainer = Trainer(spec, data, build(spec, device), Group(0, 1, device), context, events, torch.float32)
        self.device = device

    def run(self, steps: int) -> float:
        """Seconds of `steps` steps."""
        trainer = self.trainer
        trainer.position.step, trainer.next_agreement, trainer.steps = 0, 0, steps
        trainer.finished, trainer.evaluated = True, 10**9  # neither a checkpoint nor an evaluation at the end
        begun = time.perf_counter()
        trainer.run()
        synchronise(self.device)
        return time.perf_counter() - begun

    def evaluate(self) -> float:
        """Seconds of one evaluation."""
        trainer = self.trainer
        network = trainer.learner.evaluated_network()
        begun = time.perf_counter()
        evaluate(trainer.task, network, trainer.data, trainer.group)
        synchronise(self.device)
        return time.perf_counter() - begun

    def infer(self, batches: Iterable[Tensor]) -> float:
        """Seconds of the forwards of these images alone, as an evaluation has them."""
        network = self.trainer.learner.evaluated_network().eval()
        begun = time.perf_counter()
        with torch.no_grad():
            for images in batches:
                network(images)
        synchronise(self.device)
        seconds = time.perf_counter() - begun
        network.train()
        return seconds


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speeds(reference: Loop, ours: Loop, pairs: int, steps: int, batch: int) -> list[tuple[float, float]]:
    """(reference's, attnctl's) images per second, of each pair."""
    found = []
    for number in range(pairs):
        order = (reference, ours) if number % 2 else (ours, reference)
        seconds = {each: each.run(steps) for each in order}
        found.append((batch * steps / seconds[reference], batch * steps / seconds[ours]))
    return found
