"""Evaluation: loss, top-1 and top-5 over all ranks, every sample counted once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.data import TrainingData
from jobs.training.group import Group


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    data: TrainingData,
    group: Group,
    prepare: Callable[[Tensor], Tensor],
    autocast: torch.autocast,
    beat: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """The means over `data`'s evaluated samples: loss (natural logarithm), top1 and top5 in percent.

    With fewer than five classes top5 is the top of all of them. prepare: gives images their type and memory format.
    beat: called after each batch.
    Raises RuntimeError when the ranks together did not see each sample once.
    """
    training = network.training
    network.eval()
    sums = torch.zeros(4, dtype=torch.float64, device=group.device)
    for images, labels in data.evaluate(group.rank, group.world):
        with autocast:
            logits = network(prepare(images))
        sums += _count(logits, labels)
        beat()
    network.train(training)
    loss, top1, top5, count = group.total(sums).tolist()
    if count != data.evaluation_size:
        raise RuntimeError(f"{count:.0f} samples were evaluated of {data.evaluation_size}")
    return {"loss": loss / count, "top1": 100 * top1 / count, "top5": 100 * top5 / count}


def _count(logits: Tensor, labels: Tensor) -> Tensor:
    logits = logits if logits.dtype == torch.float64 else logits.float()
    loss = functional.cross_entropy(logits, labels, reduction="sum")
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    size = torch.tensor(len(labels), device=logits.device)
    return torch.stack([loss.double(), best[:, 0].sum().double(), best.sum().double(), size.double()])
