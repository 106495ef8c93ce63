"""What a run is called among others, in a program that shows names and not ids."""

from __future__ import annotations

import re

from attnctl.spec import NO_MODULE, RunSpec

_LONGEST = 120


def title(spec: RunSpec) -> str:
    """Such as `ela groups=c kernel=7 resnet20 digits seed 0`."""
    module = "no attention" if spec.module == NO_MODULE else spec.label()
    return f"{module} {spec.network} {spec.dataset} seed {spec.seed}"


def folder(spec: RunSpec) -> str:
    """The same as a folder's name, with the run's id, so that there is no other of it."""
    words = re.sub(r"[^A-Za-z0-9._=+-]+", "-", title(spec)).strip("-.")
    return f"{words[:_LONGEST]}-{spec.id}"
