"""The places of a job that several runs share, and the GPUs of each.

SLURM gives all steps of a job the GPUs that the job asked for. Where a site gives only whole nodes and SLURM does not
manage their GPUs, a node may have more of them than a run uses: then the places are spread over them.
"""

from __future__ import annotations

from collections.abc import Sequence


class Places:
    """So many places. gpus: of a run, where SLURM does not manage them, else 0; devices: those of the node."""

    def __init__(self, count: int, gpus: int = 0, devices: Sequence[str] = ()) -> None:
        self._free = list(range(count))
        groups = len(devices) // gpus if gpus else 0
        self._groups = [",".join(devices[gpus * k : gpus * (k + 1)]) for k in range(groups)]

    @property
    def free(self) -> bool:
        """Whether a place is free."""
        return bool(self._free)

    def take(self) -> int:
        """Take the lowest free place."""
        return self._free.pop(0)

    def leave(self, place: int) -> None:
        """Leave a place to the next run."""
        self._free = sorted([*self._free, place])

    def variables(self, place: int) -> dict[str, str]:
        """The variables that name the GPUs of a place; none if its run sees those of the job."""
        return {"CUDA_VISIBLE_DEVICES": self._groups[place % len(self._groups)]} if self._groups else {}
