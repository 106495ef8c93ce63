"""Which settings can run or send something. They act only if the user has trusted them (see `attnctl.settings.trust`).

This is the one place that decides it: what is not listed as harmless acts. So a new setting, or an option of sbatch or
srun that a plugin of the site adds, needs trust until it is listed here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from attnctl.settings.resource_rules import MATCHED
from attnctl.settings.sbatch_options import bare

HARMLESS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "slurm": frozenset(
            {
                "account",
                "clusters",
                "constraint",
                "cpus_per_gpu",
                "exclude",
                "gpus_per_node",
                "mem",
                "nodes",
                "parallel",
                "partition",
                "qos",
                "runs_per_gpu",
                "time",
            }
        ),
        "paths": frozenset({"runs", "checkpoints", "group"}),
        "data": None,  # the names of data sets, also of installed packages; their values are folders
        "defaults": None,  # numbers and words, and names of files: see `_names_code`
        "resume": frozenset({"attempts", "sweep_attempts", "memory_factor", "memory_cap", "same_error", "actions"}),
        "checkpoints": frozenset({"finished", "unfinished"}),
        "names": None,  # words of tables
    }
)
"""Section -> the keys that can neither run nor send anything; None for all of them."""

SBATCH = frozenset(
    {
        "acctg-freq",
        "begin",
        "comment",
        "contiguous",
        "core-spec",
        "cores-per-socket",
        "cpu-freq",
        "cpus-per-task",
        "deadline",
        "delay-boot",
        "dependency",
        "distribution",
        "exclusive",
        "extra-node-info",
        "gpu-freq",
        "gpus",
        "gpus-per-node",
        "gpus-per-task",
        "gres",
        "gres-flags",
        "hint",
        "hold",
        "immediate",
        "licenses",
        "mail-type",
        "mem",
        "mem-bind",
        "mem-per-cpu",
        "mem-per-gpu",
        "mincpus",
        "nice",
        "no-requeue",
        "nodelist",
        "overcommit",
        "oversubscribe",
        "prefer",
        "priority",
        "requeue",
        "reservation",
        "sockets-per-node",
        "spread-job",
        "switches",
        "thread-spec",
        "threads-per-core",
        "time-min",
        "tmp",
        "use-min-nodes",
        "wckey",
    }
)
"""Harmless options of sbatch (sbatch(1)). Others run or send something: `bb` moves files, `mail-user` sends mail."""

SRUN = frozenset(
    {
        "accel-bind",
        "cores-per-socket",
        "cpu-bind",
        "cpu-freq",
        "distribution",
        "exact",
        "exclusive",
        "gpu-bind",
        "gpu-freq",
        "gpus-per-task",
        "gres",
        "gres-flags",
        "hint",
        "mem",
        "mem-bind",
        "mem-per-cpu",
        "mem-per-gpu",
        "overcommit",
        "overlap",
        "sockets-per-node",
        "thread-spec",
        "threads-per-core",
    }
)
"""Harmless options of srun (srun(1)). Others run something: `prolog`, `task-prolog`, `container-image`, `mpi`."""


@dataclass(frozen=True)
class ActingSetting:
    """A setting of the file that can run or send something. key: with its section, such as `slurm.setup`."""

    key: str
    value: Any

    def __str__(self) -> str:
        """As one line, much as in the file."""
        return f"{self.key} = {json.dumps(self.value, ensure_ascii=False, default=str)}"

    @property
    def of_planning(self) -> bool:
        """Whether it is a default that names a Python file or a recipe's, which can name one: planning runs it too."""
        return self.key.startswith("defaults.")


def acting_settings(document: Mapping[str, Any]) -> tuple[ActingSetting, ...]:
    """The settings of a valid attnctl.toml that can run or send something, in its order."""
    return tuple(_acting(document))


def digest(settings: Sequence[ActingSetting]) -> str:
    """A digest of the settings' keys and values, in whatever order they stand in the file."""
    items = sorted([item.key, json.dumps(item.value, sort_keys=True, default=str)] for item in settings)
    return hashlib.sha256(json.dumps(items).encode()).hexdigest()


def _acting(document: Mapping[str, Any]) -> Iterator[ActingSetting]:
    for section, values in document.items():
        harmless = HARMLESS.get(section, frozenset())
        if section == "slurm":
            yield from _with_rules(section, {key: value for key, value in values.items() if key != "profiles"})
            for name, profile in values.get("profiles", {}).items():
                yield from _with_rules(f"slurm.profiles.{name}", profile)
        elif harmless is None:
            yield from (
                ActingSetting(f"{section}.{key}", value)
                for key, value in values.items()
                if section == "defaults" and (_names_code(value) or (key == "recipe" and str(value).endswith(".toml")))
            )
        else:
            yield from (
                ActingSetting(f"{section}.{key}", value) for key, value in values.items() if key not in harmless
            )


def _with_rules(section: str, values: Mapping[str, Any]) -> Iterator[ActingSetting]:
    """What acts in [slurm] or in a profile, and in its rules, which are counted from 1."""
    yield from _slurm(section, {key: value for key, value in values.items() if key != "rules"})
    for number, rule in enumerate(values.get("rules", []), 1):
        yield from _slurm(f"{section}.rules.{number}", {key: rule[key] for key in rule if key not in MATCHED})


def _slurm(section: str, values: Mapping[str, Any]) -> Iterator[ActingSetting]:
    harmless = HARMLESS["slurm"] or frozenset()
    for key, value in values.items():
        if key in {"extra", "srun"}:
            options = SBATCH if key == "extra" else SRUN
            yield from (
                ActingSetting(f"{section}.{key}.{name}", item)
                for name, item in value.items()
                if bare(name) not in options
            )
        elif key not in harmless:
            yield ActingSetting(f"{section}.{key}", value)


def _names_code(value: Any) -> bool:
    """Whether a default names a Python file, as `backbone = "./net.py:build"` does: its code runs."""
    from attnctl.sources import is_reference  # few files name code, and the reader of code takes 7 ms

    return isinstance(value, str) and any(is_reference(part.strip()) for part in value.split(","))
