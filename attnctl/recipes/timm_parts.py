"""The optimizers that timm registers, by names such as `timm:lamb`, read from its source: planning imports no torch."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from attnctl.values import SpecError, did_you_mean

PREFIX = "timm:"

_LEFT_OUT = {"adahessian"}
"""Those that need gradients of gradients."""


@cache
def optimizer_names() -> tuple[str, ...]:
    """The names without the prefix; empty if timm is not installed, or has them elsewhere."""
    spec = find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        return ()
    factory = Path(spec.submodule_search_locations[0], "optim", "_optim_factory.py")
    source = factory.read_text(encoding="utf-8") if factory.is_file() else ""
    return tuple(sorted({*re.findall(r"OptimInfo\(\s*name='(\w+)'", source)} - _LEFT_OUT))


def check(kind: str, name: str) -> None:
    """Raise SpecError unless timm has the part of a recipe. name: such as `timm:lamb`."""
    if kind != "optimizer":
        raise SpecError(f"{kind} is {name}; only optimizers are taken from timm")
    if find_spec("timm") is None:
        raise SpecError(f"optimizer {name} needs the package timm: pip install timm")
    short = name.removeprefix(PREFIX)
    if short not in optimizer_names():
        raise SpecError(f"timm has no optimizer {short!r}{did_you_mean(short, optimizer_names())}")
