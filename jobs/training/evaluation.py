"""Evaluation: a task's metrics over all ranks, with every sample counted exactly once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from attnctl.jobs.data import TrainingData
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.task import Task


@torch.no_grad()  # not inference_mode: a module may keep tensors from one forward for the next, of the training
def evaluate(
    task: Task, network: nn.Module, data: TrainingData, group: Group, beat: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """The task's metrics over the evaluation samples of `data`. beat: called after each batch.

    Raises RuntimeError unless the ranks together saw each sample exactly once.
    """
    training = network.training
    network.eval()
    scores = task.scores()
    for batch in data.evaluate(group.rank, group.world):
        scores.update(network, batch)
        beat()
    network.train(training)
    values, count = scores.compute(group)
    if count != data.evaluation_size:
        raise RuntimeError(f"evaluated {count} samples instead of {data.evaluation_size}")
    return values
