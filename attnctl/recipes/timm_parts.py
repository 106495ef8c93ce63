"""timm's optimizers, schedules and augmentations, by names such as `timm:lamb`. Planning imports no torch and no timm.

The names of its optimizers are read from its source. Its schedules and augmentations have the options below, with the
names and defaults that timm gives them; `attnctl.recipes.timm_created` creates them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from attnctl.recipe_parts import Option
from attnctl.values import Scalar, SpecError, did_you_mean, format_value

PREFIX = "timm:"

_LEFT_OUT = {"adahessian"}
"""Those that need gradients of gradients."""


def _options(**defaults: Scalar) -> tuple[Option, ...]:
    return tuple(Option(name, type(value), value) for name, value in defaults.items())


_CYCLES = _options(lr_min=0.0, cycle_mul=1.0, cycle_decay=1.0, cycle_limit=1)

SCHEDULES: Mapping[str, tuple[Option, ...]] = {
    "cosine": (*_CYCLES, *_options(k_decay=1.0)),
    "tanh": (*_options(lb=-7.0, ub=3.0), *_CYCLES),
    "poly": (*_options(power=0.5), *_CYCLES, *_options(k_decay=1.0)),
}
"""The cycles together take all steps after the warm-up. timm's step and multistep are the recipe's own."""

_ERASING = _options(erasing=0.0)
_POLICY = Literal["original", "originalr", "v0", "v0r", "3a"]

AUGMENTATIONS: Mapping[str, tuple[Option, ...]] = {
    "rand": (*_options(m=10, n=2, p=0.5, mstd=0.0, mmax=10, inc=False), *_ERASING),
    "auto": (Option("policy", _POLICY, "v0"), *_options(mstd=0.0), *_ERASING),
    "augmix": (*_options(m=3, w=3, d=-1, a=1.0, b=False), *_ERASING),
}
"""After a random crop and flip. The letters are those of timm's `--aa rand-m9-n2-mstd0.5-inc1`. erasing: the
probability of random erasing."""

_BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("p", "erasing"), (0, 1)),
    **dict.fromkeys(("n", "w"), (1, 20)),
    **dict.fromkeys(("m", "mstd", "mmax"), (0, 1000)),
    **dict.fromkeys(("power", "k_decay", "cycle_mul", "a"), (0.001, 1000)),
    **dict.fromkeys(("lb", "ub"), (-1000, 1000)),
    **dict.fromkeys(("lr_min", "cycle_decay"), (0, 1000)),
    "cycle_limit": (1, 1000),
    "d": (-1, 20),
}
"""Of options that are numbers; timm itself would fail within a training, or divide by 0."""

TABLES: Mapping[str, Mapping[str, tuple[Option, ...]]] = {"schedule": SCHEDULES, "augment": AUGMENTATIONS}
"""Kind -> name -> options."""


@cache
def optimizer_names() -> tuple[str, ...]:
    """The names without the prefix; empty if timm is not installed, or has them elsewhere."""
    spec = find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        return ()
    factory = Path(spec.submodule_search_locations[0], "optim", "_optim_factory.py")
    source = factory.read_text(encoding="utf-8") if factory.is_file() else ""
    return tuple(sorted({*re.findall(r"OptimInfo\(\s*name='(\w+)'", source)} - _LEFT_OUT))


def options(kind: str, name: str) -> tuple[Option, ...]:
    """The options of a part, such as `timm:cosine`; raises SpecError unless timm has it and is installed."""
    if kind not in ("optimizer", *TABLES):
        raise SpecError(f"{kind} is {name}; only optimizers, schedules and augmentations are taken from timm")
    if find_spec("timm") is None:
        raise SpecError(f"{kind} {name} needs the package timm: pip install timm")
    short = name.removeprefix(PREFIX)
    known = optimizer_names() if kind == "optimizer" else tuple(TABLES[kind])
    if short not in known:
        raise SpecError(f"timm has no {kind} {short!r}{did_you_mean(short, known)}")
    return TABLES[kind][short] if kind in TABLES else ()


def check_values(kind: str, values: Mapping[str, Scalar]) -> None:
    """Raise SpecError for an option out of bounds. values: by names such as `schedule.cycle_limit`."""
    for name, value in values.items():
        owner, _, option = name.partition(".")
        low, high = _BOUNDS.get(option, (-math.inf, math.inf))
        if owner == kind and isinstance(value, int | float) and not low <= value <= high:
            raise SpecError(f"{name} is {format_value(value)}; it must be {low:g} to {high:g}")
