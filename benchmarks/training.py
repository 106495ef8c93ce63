"""Training speed of resnet20 on the digits: attnctl's loop beside the best plain loop, in interleaved pairs.

    python benchmarks/training.py [--quick] [--pairs N] [--threads N]

The plain loop is what a person would write for this one case: tensors in memory, the same augmentation, normalisation,
forwards of norm_batch accumulated to a batch, threads and memory format; no checkpoints, no events, no agreements. Both
train the same number of steps; the time of each is that of its steps alone. The goal is a ratio of at least 0.97.
Then an evaluation of the test set beside the forwards of its images alone.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch
from arguments import Arguments
from pairs import Ours, speeds, synchronise
from torch import Tensor, nn
from torch.nn import functional

from attnctl import attention, backbones, datasets, recipes
from attnctl.jobs.data import digits
from attnctl.jobs.training.session import build
from attnctl.spec import LOOP_VERSION, NO_MODULE, RunSpec, Versions


def make_spec(module: str) -> RunSpec:
    """resnet20 on the digits as their recipe has it."""
    plain = module == NO_MODULE
    values = {} if plain else attention.describe(module).resolve({})
    return RunSpec(
        module=module,
        hyperparameters=tuple(sorted(values.items())),
        backbone="resnet20",
        placement="block",
        dataset="digits",
        recipe=recipes.resolve("digits", {}),
        seed=0,
        versions=Versions(
            module="" if plain else attention.describe(module).version,
            backbone=backbones.describe("resnet20").version,
            placement=1,
            dataset=datasets.describe("digits").version,
            loop=LOOP_VERSION,
        ),
    )


class Plain:
    """The plain loop; images are shifted by up to 2 pixels, as the recipe's augmentation does."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        recipe, dataset = spec.recipe, datasets.describe(spec.dataset)
        split = digits.load(dataset).train
        side, reach = split.images.shape[-1], 2
        padded = functional.pad(split.images, (reach,) * 4).to(device).float() / 255
        mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (dataset.mean, dataset.std))
        # (n, 3, 5, 5, 32, 32): every shift of every image, as a view
        self.shifted = ((padded - mean) / std).unfold(2, side, 1).unfold(3, side, 1)
        self.shifts = 2 * reach + 1
        self.labels = split.labels.to(device)
        self.network = build(spec, device).train()
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.network.to(memory_format=layout)
        self.layout = layout
        self.recipe = recipe
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            lr=1e-3,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.criterion = nn.CrossEntropyLoss()
        self.device = device

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Randomly shifted images of these samples, and their labels."""
        top, left = torch.randint(0, self.shifts, (2, len(index)))
        index, top, left = (each.to(self.device, non_blocking=True) for each in (index, top, left))
        images = self.shifted[index, :, top, left]
        return images.contiguous(memory_format=self.layout), self.labels[index]

    def run(self, steps: int) -> float:
        """Seconds of `steps` steps."""
        begun = time.perf_counter()
        order = torch.randperm(len(self.labels))
        size, forwards = self.recipe.norm_batch, self.recipe.replicas
        for step in range(steps):
            begin = step * self.recipe.batch % (len(order) - self.recipe.batch)
            for forward in range(forwards):
                images, labels = self.batch(order[begin + forward * size :][:size])
                loss = self.criterion(self.network(images), labels)
                (loss / forwards).backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        synchronise(self.device)
        return time.perf_counter() - begun


def main() -> None:
    """Measure, and print medians and the ratio."""
    arguments = Arguments(__doc__)
    arguments.size("pairs", 24, 1, "measured pairs")
    arguments.size("steps", 5, 1, "steps of each measurement")
    arguments.size("threads", 1, 1, "threads of torch")
    arguments.parser.add_argument("--module", default=NO_MODULE, help="attention in the network (default: none)")
    options = arguments.read()
    pairs, steps = options.pairs, options.steps
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    spec = make_spec(options.module)
    with tempfile.TemporaryDirectory() as folder:
        plain, ours = Plain(spec, device), Ours(spec, device, Path(folder))
        plain.run(steps), ours.run(steps)
        found = speeds(plain, ours, pairs, steps, spec.recipe.batch)
        batches = [images for images, _ in ours.trainer.data.evaluate(0, 1) if isinstance(images, Tensor)]
        ours.evaluate(), ours.infer(batches)
        evaluations = [ours.infer(batches) / ours.evaluate() for _ in range(pairs)]
    ratio = statistics.median(mine / theirs for theirs, mine in found)
    spread = sorted(mine / theirs for theirs, mine in found)
    print(f"resnet20 on digits, {device}, {options.threads} threads, {pairs} pairs of {steps} steps")
    print(f"plain loop  {statistics.median(theirs for theirs, _ in found):8.1f} images/s")
    print(f"attnctl     {statistics.median(mine for _, mine in found):8.1f} images/s")
    print(f"ratio       {ratio:8.3f}   (goal >= 0.97; pairs from {spread[0]:.3f} to {spread[-1]:.3f})")
    print(f"evaluation  {statistics.median(evaluations):8.3f}   of the speed of its forwards alone")


if __name__ == "__main__":
    main()
