"""Users' files with parts of recipes, as tests write them."""

from __future__ import annotations

from pathlib import Path

FOCAL = """
import torch
from torch import nn
from torch.nn import functional as F


class Focal(nn.Module):
    def __init__(self, gamma: float = 2.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, logits, targets):
        loss = F.cross_entropy(logits, targets, reduction="none")
        return ((1 - (-loss).exp()) ** self.gamma * loss).mean()


def smoothed(logits, targets, *, label_smoothing=0.0):
    return F.cross_entropy(logits, targets, label_smoothing=label_smoothing)


def constant(logits, targets):
    return logits.argmax(1).float().mean()


def each(logits, targets):
    return F.cross_entropy(logits, targets, reduction="none")


def nan(logits, targets):
    return logits.sum() * float("nan")


class Trained(Focal):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))


class Random(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weights", torch.rand(10))

    def forward(self, logits, targets):
        return F.cross_entropy(logits, targets, weight=self.weights)
"""

LION = """
import torch


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_((first * mean + (1 - first) * weight.grad).sign(), alpha=-group["lr"])
                mean.lerp_(weight.grad, 1 - second)


class Idle(Lion):
    def step(self, closure=None):
        pass


class NoOptimizer:
    def __init__(self, params):
        pass
"""

STAIRS = """
def stairs(step, steps, times: int = 3, *, factor=0.5):
    return factor ** (step * times // steps)


def negative(step, steps):
    return 1 - 2 * step / steps
"""

SCORES = '''
import numpy as np


def order(logits, labels, weight: float = 1.0):
    """Depends on which sample stands where."""
    hits = (logits.argmax(1) == labels).double().numpy()
    return weight * float(np.average(hits, weights=np.arange(len(hits)) + 1))


class Spread:
    def __init__(self):
        self.calls = 0

    def __call__(self, logits, labels):
        self.calls += 1
        return logits.std() * self.calls


def text(logits, labels):
    return "good"


def top1(logits, labels):
    return 1.0


def undefined(logits, labels):
    return float("nan")
'''

SHADE = """
import random

import numpy as np
import torch


class Shade:
    def __init__(self, most: float = 0.5):
        self.most = most

    def __call__(self, image):
        factor = 1 - self.most * (random.random() + np.random.rand() + torch.rand(()).item()) / 3
        return (image * factor).to(torch.uint8)


def halved(image):
    return image[:, ::2, ::2]
"""


def write(folder: Path) -> None:
    """Write all of them: focal.py, lion.py, stairs.py, scores.py and shade.py."""
    texts = {"focal": FOCAL, "lion": LION, "stairs": STAIRS, "scores": SCORES, "shade": SHADE}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
