"""Training speed of detectors on digits-det: attnctl's loop beside torchvision's reference loop, in interleaved pairs.

    python benchmarks/detection.py [--quick] [--model NAME ...] [--pairs N] [--steps N] [--threads N]

The reference is `references/detection/engine.py` of torchvision, as it is written: a DataLoader that hands over lists
of images and targets, losses summed, one value read back for each step to be watched, zero_grad, backward, step. Both
train the same network and optimizer with images of the same size, a step being one forward; the time of each is that of
its steps alone. The goal is a ratio of at least 0.97.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from arguments import Arguments
from pairs import Ours, speeds, synchronise
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from attnctl.grid import Axes, expand
from attnctl.jobs.data import open_data
from attnctl.jobs.training.optim import optimizer
from attnctl.jobs.training.session import build
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec

MODELS = ("ssdlite320", "fasterrcnn", "maskrcnn")
"""The models that torchvision trains with that loop."""


def make_spec(model: str, backbone: str) -> RunSpec:
    """A model on digits-det as their recipe has it, but for one forward a step."""
    backbones = (backbone,) if backbone else ()
    axes = Axes(modules=("none",), models=(model,), backbones=backbones, datasets=("digits-det",))
    (spec,) = expand(axes).specs
    recipe = dataclasses.replace(spec.recipe, batch=spec.recipe.norm_batch, clip_grad_norm=0.0)
    return dataclasses.replace(spec, recipe=recipe)


class Samples(Dataset[Any]):
    """The evaluated images with their targets, as a user's own data set would hold them."""

    def __init__(self, spec: RunSpec) -> None:
        data = open_data(spec, DataRoots(), torch.device("cpu"))
        batches = list(data.evaluate(0, 1))
        self.images = [(image * 255).round().byte() for images, _ in batches for image in images]
        self.targets = [target for _, targets in batches for target in targets]
        data.close()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        return self.images[index].float() / 255, dict(self.targets[index])


def collate(samples: list[Any]) -> tuple[Any, ...]:
    """As the reference has it."""
    return tuple(zip(*samples, strict=True))


class Reference:
    """torchvision's train_one_epoch, without its printing."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        self.network, self.device = build(spec, device).train(), device
        self.optimizer = optimizer(spec.recipe, self.network)
        self.loader = DataLoader(Samples(spec), spec.recipe.batch, shuffle=True, drop_last=True, collate_fn=collate)
        self.batches = iter(self.loader)

    def run(self, steps: int) -> float:
        """Seconds of `steps` steps."""
        begun = time.perf_counter()
        for _ in range(steps):
            batch = next(self.batches, None)
            if batch is None:
                self.batches = iter(self.loader)
                batch = next(self.batches)
            images = [image.to(self.device) for image in batch[0]]
            targets = [{name: value.to(self.device) for name, value in target.items()} for target in batch[1]]
            losses = self.network(images, targets)
            loss = sum(losses.values())
            if not math.isfinite(loss.item()):
                raise ArithmeticError("the loss is not finite")
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        synchronise(self.device)
        return time.perf_counter() - begun


def measure(spec: RunSpec, device: torch.device, pairs: int, steps: int) -> list[tuple[float, float]]:
    """(reference's, attnctl's) images per second, of each pair."""
    with tempfile.TemporaryDirectory() as folder:
        reference, ours = Reference(spec, device), Ours(spec, device, Path(folder))
        reference.run(1), ours.run(1)
        return speeds(reference, ours, pairs, steps, spec.recipe.batch)


def main() -> None:
    """Measure, and print medians and the ratio of each model."""
    arguments = Arguments(__doc__)
    arguments.size("pairs", 16, 1, "measured pairs of each model")
    arguments.size("steps", 2, 1, "steps of each measurement")
    arguments.size("threads", 1, 1, "threads of torch")
    arguments.parser.add_argument("--model", action="append", help="(default: all three; with --quick: ssdlite320)")
    arguments.parser.add_argument("--backbone", default="", help="instead of the model's default")
    options = arguments.read()
    pairs, models = options.pairs, options.model or MODELS[: 1 if options.quick else None]
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"digits-det, {device}, {options.threads} threads, {pairs} pairs of {options.steps} steps; images/s")
    print(f"{'':24}{'reference':>12}{'attnctl':>12}{'ratio':>9}   (goal >= 0.97)")
    for model in models:
        spec = make_spec(model, options.backbone)
        found = measure(spec, device, pairs, options.steps)
        theirs, mine = (statistics.median(column) for column in zip(*found, strict=True))
        ratios = sorted(ours / reference for reference, ours in found)
        spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
        name = f"{model} {spec.backbone}"
        print(f"{name:24}{theirs:12.1f}{mine:12.1f}{statistics.median(ratios):9.3f}   (pairs from {spread})")


if __name__ == "__main__":
    main()
