"""Properties of a module, determined by building and running it, for ELA's table 1.

keeps_channels    no channel dimensionality reduction: what the attention takes from other places of the map has as many
                  dimensions as there are channels. The rank of a Jacobian tells: se with r=16 has C/16.
long_range        a spatial dependency over long distances: an output depends on which of two far places something lies
                  at, when one of them is in its row or column. What holds only a statistic of the whole map does not.
lightweight       fewer parameters than se with r=16, at every width of WIDTHS.

The papers' modules are in traits.json, made by `python -m attnctl.papers.traits`; others are built when asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl import attention, papers
from attnctl.files import write_atomic
from attnctl.papers.model import Setup
from attnctl.sources.signature import ModuleSource
from attnctl.spec import NO_MODULE
from attnctl.values import Scalar, SpecError, format_value

if TYPE_CHECKING:
    from torch import Tensor, nn

FILE = Path(__file__).parent / "traits.json"
WIDTHS = (64, 128, 256, 512, 1024, 2048)
"""The channels of the networks in the papers' tables."""

_CHANNELS = 64
_MAPS = 8
_NEAR = 6  # the side of a map
_SIDE = 32  # of a map in which two places can be farther from each other than a window of 61 reaches


@dataclass(frozen=True)
class Traits:
    """What a module is. lighter: those of WIDTHS at which it has fewer parameters than se."""

    keeps_channels: bool
    long_range: bool
    lightweight: bool
    lighter: tuple[int, ...]


def of(setup: Setup) -> Traits | None:
    """What a cell's module is; none for the plain backbone. Raises SpecError. Torch for what is not in the file."""
    if setup.module == NO_MODULE:
        return None
    source = attention.describe(setup.module)
    values = source.resolve(dict(setup.hyperparameters))
    if (stored := _known().get(_key(source, values))) is not None:
        return stored
    try:
        return measure(source, values)
    except SpecError:
        raise
    except (ValueError, RuntimeError) as error:  # a module's own word about its channels or its map
        raise SpecError(f"{source.name} cannot be analysed: {error}") from error


def measure(source: ModuleSource, values: dict[str, Scalar]) -> Traits:
    """What a module with these hyperparameters is, by building it."""
    with _one_thread():
        lighter = tuple(width for width in WIDTHS if _parameters(source, values, width) < 2 * width * (width // 16))
        return Traits(
            keeps_channels=_rank(_generic(source, values, _NEAR)) == _CHANNELS,
            long_range=_depends_on_place(_generic(source, values, _SIDE)),
            lightweight=lighter == WIDTHS,
            lighter=lighter,
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """For matrices so small that more threads only wait for each other, long where other processes compute."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _generic(source: ModuleSource, values: dict[str, Scalar], side: int) -> nn.Module:
    """A module for maps of that side with random weights, because many are constant at initialisation."""
    import torch

    size = (side, side) if source.needs_map else None
    module = attention.create(source, _CHANNELS, size, **values).double().eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data.normal_(generator=generator).mul_(0.5)
    return module


def _rank(module: nn.Module) -> int:
    """The dimensions of what one place of the map learns of the others; all channels' when it never learns anything.

    The most over some maps: a hidden unit that is off takes no part.
    """
    rank = 0
    for seed in range(_MAPS):
        rank = max(rank, _rank_at(module, seed))
        if rank == _CHANNELS:
            break
    return rank or _CHANNELS


def _rank_at(module: nn.Module, seed: int) -> int:
    import torch

    x = _map(_NEAR, seed).requires_grad_()
    rows = []
    for value in module(x)[0, :, 1, 1]:
        (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
        gradient[0, :, 1, 1] = 0  # a channel's effect on itself is not attention
        rows.append(gradient.flatten())
    influence = torch.stack(rows)
    # as many random directions as there are channels, twice over, have the rank of all of them
    directions = torch.randn(
        influence.shape[1], 2 * _CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return int(torch.linalg.matrix_rank(influence @ directions, rtol=1e-9))


def _depends_on_place(module: nn.Module) -> bool:
    """Whether an output changes when something far away in its row or column changes places with what is in neither."""
    import torch

    x, last = _map(_SIDE), _SIDE - 1
    for there, elsewhere in (((0, last), (last // 2, last)), ((last, 0), (last, last // 2))):
        moved = x.clone()
        moved[..., *there], moved[..., *elsewhere] = x[..., *elsewhere], x[..., *there]
        with torch.no_grad():
            before, after = module(x)[..., 0, 0], module(moved)[..., 0, 0]
        if not torch.allclose(before, after, rtol=1e-9, atol=1e-12):
            return True
    return False


def _map(side: int, seed: int = 0) -> Tensor:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, _CHANNELS, side, side, dtype=torch.float64, generator=generator)


def _parameters(source: ModuleSource, values: dict[str, Scalar], width: int) -> int:
    import torch

    with torch.device("meta"):  # no memory, and nothing to initialise
        module = attention.create(source, width, (1, 1) if source.needs_map else None, **values)
    return sum(parameter.numel() for parameter in module.parameters())


def _key(source: ModuleSource, values: dict[str, Scalar]) -> str:
    """A module by all that makes it: `ela@1 groups=c kernel=5 ...`."""
    return " ".join(
        [f"{source.name}@{source.version}", *(f"{name}={format_value(values[name])}" for name in sorted(values))]
    )


@cache
def _known() -> dict[str, Traits]:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    return {key: Traits(**{**item, "lighter": tuple(item["lighter"])}) for key, item in document.items()}


def _asked_for() -> Iterator[tuple[str, Traits]]:
    """The modules of the papers' tables that have such a column, and what they are."""
    for table in (table for name in papers.names() for table in papers.load(name).tables.values()):
        for row in table.rows:
            if any(column.kind == "trait" for column in table.columns) and row.setup.module != NO_MODULE:
                source = attention.describe(row.setup.module)
                values = source.resolve(dict(row.setup.hyperparameters))
                yield _key(source, values), measure(source, values)


if __name__ == "__main__":
    lines = [f"  {json.dumps(key)}: {json.dumps(asdict(found))}" for key, found in sorted(_asked_for())]
    write_atomic(FILE, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
