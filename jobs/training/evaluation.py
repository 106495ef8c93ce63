"""Evaluation: a task's metrics over all ranks, with every sample counted exactly once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from attnctl.jobs.data import TrainingData
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.task import Task


class EvaluationStopped(Exception):  # noqa: N818 - it is not an error
    """A signal asked the run to stop while it was evaluated; raised by all ranks."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


@torch.no_grad()  # not inference_mode: a module may keep tensors from one forward for the next, of the training
def evaluate(
    task: Task,
    network: nn.Module,
    data: TrainingData,
    group: Group,
    beat: Callable[[], None] = lambda: None,
    received: Callable[[], int] = lambda: 0,
) -> dict[str, float]:
    """The task's metrics over the evaluation samples of `data`. beat: called after each batch.

    received: the signal that asked this rank to stop, or 0. Raises EvaluationStopped if any rank has one, and
    RuntimeError unless the ranks together saw each sample exactly once.
    """
    training = network.training
    network.eval()
    scores = task.scores()
    for batch in data.evaluate(group.rank, group.world):
        scores.update(network, batch)
        beat()
        if received():
            break
    network.train(training)
    (number,) = group.maximum((received(),))  # all ranks stop, or none: what follows is a sum over all
    if number:
        raise EvaluationStopped(number)
    values, count = scores.compute(group)
    if count != data.evaluation_size:
        raise RuntimeError(f"evaluated {count} samples instead of {data.evaluation_size}")
    return values
