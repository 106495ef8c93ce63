"""One forward for the virtual replicas of a step, beside separate forwards and the loops that a person would write.

    python benchmarks/joint_forward.py [--quick] [--rounds N] [--threads N] [--backbone NAME] [--side N]
                                       [--layout contiguous] [--keep]

All train the same network on the same images, batch 128 with norm_batch 32, one step each in turn:

- one forward: a plain loop that gives the whole batch to the network, whose batch norms see 128 samples;
- separate, plain: a plain loop of four forwards of 32 whose gradients add up;
- separate: attnctl's learner with four forwards;
- joint: attnctl's learner with one forward, whose batch norms see 32 samples each.

All loops have one allocator: that of a plain loop, or with --keep that of a run on a CPU, which keeps freed memory.
The time is that of the process on a CPU, whatever else the machine does, and that of events on a GPU. The goal is at
least 0.97 of the plain loop with one forward. Operations are those that torch dispatches in a step; on a GPU, kernels.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from arguments import Arguments
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from attnctl import backbones, recipes
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic
from attnctl.jobs.training import allocator
from attnctl.jobs.training.learner import Learner
from attnctl.jobs.training.replicas import seed_forward

BATCH, FORWARD, CLASSES = 128, 32, 10
GOAL = 0.97


class Loops:
    """The four loops over one batch, each with a network of its own."""

    def __init__(self, backbone: str, side: int, device: torch.device, channels_last: bool = True) -> None:
        recipe = recipes.resolve("cifar", {"batch": BATCH, "norm_batch": FORWARD, "lr": 1e-3})
        self.recipe = dataclasses.replace(recipe, channels_last=channels_last)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(BATCH, 3, side, side, generator=generator).to(device)
        self.images = images.contiguous(memory_format=self.layout)
        self.labels = torch.randint(CLASSES, (BATCH,), generator=generator).to(device)
        self.device, self.make = device, partial(backbones.build, backbone, CLASSES)
        every = range(self.recipe.replicas)
        self.steps: dict[str, Callable[[], object]] = {
            "one forward": self.plain(1),
            "separate, plain": self.plain(self.recipe.replicas),
            "separate": self.learner([every[replica : replica + 1] for replica in every]),
            "joint": self.learner([every]),
        }

    def plain(self, forwards: int) -> Callable[[], object]:
        """A step of a plain loop with so many forwards."""
        network = self.network()
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4, fused=True)

        def step() -> None:
            for images, labels in zip(self.images.chunk(forwards), self.labels.chunk(forwards), strict=True):
                (functional.cross_entropy(network(images), labels) / forwards).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return step

    def learner(self, parts: list[range]) -> Callable[[], object]:
        """A step of attnctl's learner with a forward for each of the parts of the replicas."""
        arithmetic = Arithmetic.of(self.recipe, self.device)
        task = Classify(self.recipe, arithmetic)
        learner = Learner(self.recipe, task, self.network(), Group(0, 1, self.device), arithmetic)
        every = range(self.recipe.replicas)
        sums = torch.zeros(len(every), task.columns, dtype=torch.float64, device=self.device)
        batches: list[tuple[Tensor, Tensor]] = list(
            zip(self.images.split(FORWARD), self.labels.split(FORWARD), strict=True)
        )
        learner.set_rate(1e-3)

        def step() -> None:
            for replicas in parts:
                given = batches[replicas.start : replicas.stop]
                learner.backward(given, sums, replicas, every, partial(seed_forward, 0, 0))
            learner.update(0)

        return step

    def network(self) -> nn.Module:
        """The network, the same each time."""
        torch.manual_seed(0)
        made = self.make().to(self.device)
        made.to(memory_format=self.layout)
        return made.train()


def seconds(step: Callable[[], object], device: torch.device) -> float:
    """Seconds of a step: of this process, or of the GPU."""
    if device.type != "cuda":
        started = time.process_time()
        step()
        return time.process_time() - started
    torch.cuda.synchronize()
    started = time.perf_counter()
    step()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def operations(step: Callable[[], object], device: torch.device) -> int:
    """The operations that torch dispatches in a step, or the kernels of a GPU."""
    gpu = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU]) as profiler:
        step()
    events = profiler.key_averages()
    return sum(event.count for event in events if gpu or event.key.startswith("aten::"))


def main() -> None:
    """Measure in turn, and print each loop's median and its ratio to the plain loop with one forward."""
    arguments = Arguments(__doc__)
    arguments.size("rounds", 15, 2, "steps of each loop")
    arguments.size("threads", 1, 1, "threads of torch")
    arguments.size("side", 32, 8, "pixels of a side of the images")
    arguments.parser.add_argument("--backbone", default="resnet20", help="(default: resnet20)")
    arguments.parser.add_argument("--layout", choices=["channels_last", "contiguous"], default="channels_last")
    arguments.parser.add_argument("--keep", action="store_true", help="keep freed memory, as runs on a CPU do")
    options = arguments.read()
    if options.keep and not allocator.keep_freed_memory():
        raise SystemExit("--keep needs glibc: this C library always returns freed memory; leave the option out")
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    steps = Loops(options.backbone, options.side, device, options.layout == "channels_last").steps
    counts = {name: operations(step, device) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(options.rounds):
        for name in list(steps)[:: 1 if number % 2 else -1]:
            times[name].append(seconds(steps[name], device))
    kept = ", freed memory is kept" if options.keep else ""
    print(
        f"{options.backbone}, {options.side} pixels, {device}, {options.layout}, {options.rounds} rounds, "
        f"{options.threads} threads{kept}"
    )
    for name, taken in times.items():
        ratio = statistics.median(plain / mine for plain, mine in zip(times["one forward"], taken, strict=True))
        goal = f" (goal >= {GOAL})" if name == "joint" else ""
        print(
            f"{name:16}{1000 * statistics.median(taken):9.1f} ms{counts[name]:8} operations   "
            f"{ratio:.3f} of one forward{goal}"
        )


if __name__ == "__main__":
    main()
