"""How a job asks SLURM for GPUs: by exactly one option, since sites differ in which of them they accept.

| settings | the script says |
|---|---|
| gpus_per_node = 2 | --gpus-per-node=2 |
| gpus_per_node = "a100:2" | --gpus-per-node=a100:2 |
| gres = "gpu:a100:2" in [slurm.extra] | --gres=gpu:a100:2 |
| gpus = "a100:4" in [slurm.extra] | --gpus=a100:4, for all nodes together |
| gpus-per-task = "a100:1" in [slurm.extra] | --gpus-per-task=a100:1 |
| gpus-per-node = false in [slurm.extra] | nothing: nodes are allocated whole, and SLURM does not manage their GPUs |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from attnctl.settings.config import SlurmOptions
from attnctl.settings.sbatch_options import given, removed
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.records import Resources

Option = Literal["gpus-per-node", "gres", "gpus", "gpus-per-task"]

_GPU = re.compile(r"(?:gres/)?gpu(?::(?P<kind>[A-Za-z_][\w.+-]*|\d+g\.\d+gb[\w.+-]*))?(?:[:=](?P<count>\d{1,4}))?")
"""One entry of --gres (sbatch(1)): gpu[[:type]:count]."""
_COUNT = re.compile(r"(?:(?P<kind>[A-Za-z_][\w.+-]*|\d+g\.\d+gb[\w.+-]*):)?(?P<count>\d{1,4})")
_MIG = re.compile(r"\dg\.\d+gb")
"""In the type of a GPU: a slice of a GPU, such as a100_1g.5gb."""


@dataclass(frozen=True, kw_only=True)
class GpuRequest:
    """option: the one that asks; None if SLURM is not asked. kind: the GPUs' type, such as a100.

    per_node: GPUs per node, if the settings say how many. others: the rest of --gres, such as nvme:1.
    """

    option: Option | None
    kind: str | None = None
    per_node: int | None = None
    others: tuple[str, ...] = ()

    def options(self, resources: Resources) -> dict[str, str]:
        """The options for a script with these resources. Raises SpecError for MIG slices in several processes."""
        gpus = resources.gpus_per_node
        if gpus and self.kind and _MIG.search(self.kind) and resources.world > 1:
            raise SpecError(
                f"a run cannot train in {resources.world} processes on MIG slices ({self.kind}): NCCL cannot connect "
                "them; use one slice, or whole GPUs"
            )
        prefix = f"{self.kind}:" if self.kind else ""
        own = [f"gpu:{prefix}{gpus}"] if gpus and self.option == "gres" else []
        gres = ",".join([*own, *self.others])
        asked = {"gres": gres} if gres else {}
        if gpus and self.option is not None and self.option != "gres":
            count = {"gpus": gpus * resources.nodes, "gpus-per-task": 1}.get(self.option, gpus)
            asked[self.option] = f"{prefix}{count}"
        return asked


def read(options: SlurmOptions, nodes: int | None = None) -> GpuRequest:
    """The request that the settings describe. Raises SpecError if they ask in two ways or contradict each other.

    nodes: the number of nodes that share what `gpus` asks for; None if only the way and the type matter.
    """
    extra = given(options.extra)
    entries = extra["gres"].split(",") if "gres" in extra else []
    of_gpus = [found for entry in entries if (found := _GPU.fullmatch(entry.strip()))]
    others = tuple(entry for entry in entries if not _GPU.fullmatch(entry.strip()))
    asking = [name for name in ("gpus", "gpus-per-task") if name in extra] + (["gres"] if of_gpus else [])
    if len(asking) + max(0, len(of_gpus) - 1) > 1:
        raise SpecError(f"[slurm.extra] asks for GPUs twice ({' and '.join(asking)}); keep one way and one type")
    if of_gpus:
        return _agreed(options, "gres", of_gpus[0]["kind"], int(of_gpus[0]["count"] or 1), others)
    if not asking:
        option: Option | None = None if removed(options.extra, "gpus-per-node") else "gpus-per-node"
        return GpuRequest(option=option, kind=options.gpu_type, per_node=options.gpus_per_node, others=others)
    name = asking[0]
    count = _COUNT.fullmatch(extra[name])
    if count is None:
        raise SpecError(f'{name} in [slurm.extra] is {extra[name]!r}; it must be a number of GPUs, such as "a100:2"')
    number = int(count["count"])
    if name == "gpus-per-task":
        if number != 1:
            raise SpecError(f"gpus-per-task in [slurm.extra] is {number}; it must be 1, as each process uses one GPU")
        return GpuRequest(
            option="gpus-per-task", kind=count["kind"], per_node=options.gpus_per_node or 1, others=others
        )
    if nodes is None:
        return GpuRequest(option="gpus", kind=count["kind"], others=others)
    if number % nodes:
        raise SpecError(f"gpus in [slurm.extra] is {number}, which {quantity(nodes, 'node')} cannot share evenly")
    return _agreed(options, "gpus", count["kind"], number // nodes, others)


def _agreed(
    options: SlurmOptions, option: Option, kind: str | None, per_node: int, others: tuple[str, ...]
) -> GpuRequest:
    """The request, if gpus_per_node in [slurm] does not contradict it."""
    if options.gpus_per_node not in {None, per_node}:
        raise SpecError(
            f"gpus_per_node in [slurm] is {options.gpus_per_node}, but {option} in [slurm.extra] asks for "
            f"{quantity(per_node, 'GPU')} per node; make them equal, or leave out gpus_per_node"
        )
    return GpuRequest(option=option, kind=kind, per_node=per_node, others=others)
