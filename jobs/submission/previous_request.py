"""What an earlier attempt requested, so that the next one can request the same."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from attnctl.jobs.slurm import sbatch
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.workspace.records import Request, Resources


def options(config: Config, recorded: Mapping[str, Any], spec: RunSpec) -> SlurmOptions:
    """The current settings of the profile and its rules for this run, overridden by what the command of the earlier
    attempt set explicitly.

    That includes what variables such as SBATCH_PARTITION set then, unless the same variable is exported now.
    """
    profile = recorded.get("profile")
    settings = config.for_run(profile if profile in config.profiles else None, spec)
    return settings.with_earlier(recorded, sbatch.exported(os.environ))


def unchanged(config: Config, recorded: Mapping[str, Any], spec: RunSpec) -> SlurmOptions:
    """The same, also without the nodes that the earlier attempt left out."""
    exclude = recorded.get("exclude")
    found = options(config, recorded, spec)
    return dataclasses.replace(found, exclude=exclude) if isinstance(exclude, str) else found


def resources(request: Request) -> Resources:
    """The resources that an attempt requested; a value of the wrong type is replaced by the default."""
    types = {"nodes": int, "tasks_per_node": int, "gpus_per_node": int, "cpus_per_task": int, "device": str}
    values: dict[str, Any] = {
        name: value for name, value in request.resources.items() if type(value) is types.get(name)
    }
    minutes = request.resources.get("minutes")
    fields = {item.name for item in dataclasses.fields(Resources)}
    return Resources(
        **{name: value for name, value in values.items() if name in fields},
        minutes=minutes if isinstance(minutes, int) else None,
    )
