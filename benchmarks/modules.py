"""Speed of the attention modules: forward and backward, beside a plain multiply of two maps of the same size.

    python benchmarks/modules.py [MODULE ...] [--quick] [--shape 32 64 28 28] [--compile] [--bf16] [--rounds N]

`x * gate`, with gradients for both, is the memory limit of a gate: each module reads its map at least once more to make
one. In every round each module and the multiply run once, one after the other, so that a busy moment of the machine
meets all of them; the figures are medians over the rounds, and their ratio to the multiply's. --compile adds the same
through torch.compile, of the module and of the multiply.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable

import torch
from arguments import Arguments
from torch import Tensor, nn

from attnctl import attention

SETTINGS: dict[str, list[dict[str, bool | int | float | str | None]]] = {
    "an": [{}, {"norm": "sn"}],
    "nam": [{"gates": "channel"}, {"gates": "spatial"}],
}
"""What is measured beside the defaults."""


class Multiply(nn.Module):
    """The limit: a gate that is there already."""

    def __init__(self, gate: Tensor) -> None:
        super().__init__()
        self.gate = nn.Parameter(gate)

    def forward(self, x: Tensor) -> Tensor:
        """x: the shape of the gate -> the same."""
        return x * self.gate


class Timed:
    """A module, its input, and the times of its rounds in seconds."""

    def __init__(self, name: str, module: nn.Module, x: Tensor, slope: Tensor, autocast: bool) -> None:
        self.name, self.module, self.autocast = name, module, autocast
        self.x, self.slope = x.detach().clone().requires_grad_(), slope
        self.times: list[float] = []
        self.clock: Callable[[], float] = time.perf_counter

    def step(self, repeats: int) -> float:
        """Seconds of one forward and backward, the mean of `repeats`."""
        parameters = [self.x, *self.module.parameters()]
        wait: Callable[[], object] = torch.cuda.synchronize if self.x.is_cuda else lambda: None
        wait()
        started = self.clock()
        for _ in range(repeats):
            with torch.autocast(self.x.device.type, torch.bfloat16, enabled=self.autocast):
                y = self.module(self.x)
            torch.autograd.grad(y, parameters, self.slope.to(y.dtype))
        wait()
        return (self.clock() - started) / repeats


def build(names: list[str], x: Tensor) -> list[tuple[str, nn.Module]]:
    """The modules that fit the map, by name and setting; the multiply first."""
    found: list[tuple[str, nn.Module]] = [("x * gate", Multiply(torch.rand_like(x)))]
    _, channels, height, width = x.shape
    for name in names:
        for values in SETTINGS.get(name, [{}]):
            title = " ".join([name, *(f"{key}={value}" for key, value in values.items())])
            found.append((title, attention.create(name, channels, (height, width), **values).to(x.device)))
    return found


def measure(timed: list[Timed], rounds: int, repeats: int) -> None:
    """Fill in the times, after one round that does not count."""
    for item in timed:
        item.step(repeats)
    for _ in range(rounds):
        for item in timed:
            item.times.append(item.step(repeats))


def twin(module: nn.Module) -> nn.Module:
    """A compiled copy."""
    module = copy.deepcopy(module)
    module.compile()
    return module


def command_line(description: str | None) -> Arguments:
    """The options."""
    arguments = Arguments(description)
    arguments.size("rounds", 15, 1, "measured rounds")
    arguments.size("repeats", 1, 1, "forwards and backwards in one sample")
    arguments.size("threads", 1, 1, "threads of torch")
    add = arguments.parser.add_argument
    add("modules", nargs="*", default=list(attention.names()), help="(default: all)")
    add(
        "--shape",
        nargs=4,
        type=int,
        metavar=("B", "C", "H", "W"),
        help="(default: 32 64 28 28; with --quick: 2 64 8 8)",
    )
    add("--device", default="cpu")
    add("--compile", action="store_true")
    add("--channels-last", action="store_true")
    add("--bf16", action="store_true", help="a bfloat16 map under autocast")
    return arguments


def main() -> None:
    """Measure, and print a table."""
    options = command_line(__doc__).read()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    dtype = torch.bfloat16 if options.bf16 else torch.float32
    shape = options.shape or ([2, 64, 8, 8] if options.quick else [32, 64, 28, 28])
    x = torch.randn(shape, device=options.device).to(dtype, memory_format=layout)
    slope = torch.randn_like(x)
    modules = build(options.modules, x)
    eager = [Timed(name, module, x, slope, options.bf16) for name, module in modules]
    compiled = []
    if options.compile:
        torch._dynamo.config.recompile_limit = 1000  # of nn.Module's one call, which all modules share
        compiled = [Timed(name, twin(module), x, slope, options.bf16) for name, module in modules]
    measure(eager + compiled, options.rounds, options.repeats)

    print(f"{'x'.join(map(str, shape))} {x.dtype} {layout}, forward and backward, {options.rounds} rounds")
    print(f"{'module':24} {'ms':>8} {'ratio':>7}" + (f" {'compiled':>9} {'ratio':>7}" if compiled else ""))
    for index, item in enumerate(eager):
        line = f"{item.name:24}"
        for group in (eager, compiled) if compiled else (eager,):
            middle, limit = statistics.median(group[index].times), statistics.median(group[0].times)
            line += f" {1000 * middle:8.2f} {middle / limit:7.2f} "
        print(line.rstrip())


if __name__ == "__main__":
    main()
