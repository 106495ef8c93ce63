"""What an earlier attempt had asked for, for the next one to ask for the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from attnctl.settings.config import Config, SlurmOptions
from attnctl.workspace.records import Request, Resources


def options(config: Config, kept: Mapping[str, Any]) -> SlurmOptions:
    """What to ask of SLURM: today's settings of the profile, and what the command of the attempt had said."""
    profile = kept.get("profile")
    return config.profile(profile if profile in config.profiles else None).with_earlier(kept)


def resources(request: Request) -> Resources:
    """What an attempt asked of the machine; a value of an unknown form is the default."""
    kinds = {"nodes": int, "tasks_per_node": int, "gpus_per_node": int, "cpus_per_task": int, "device": str}
    found: dict[str, Any] = {name: value for name, value in request.resources.items() if type(value) is kinds.get(name)}
    minutes = request.resources.get("minutes")
    known = {item.name for item in dataclasses.fields(Resources)}
    return Resources(
        **{name: value for name, value in found.items() if name in known},
        minutes=minutes if isinstance(minutes, int) else None,
    )
