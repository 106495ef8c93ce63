"""The processes of one run as a group: what they add up, agree on and copy from rank 0. One process needs no group."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import TCPStore
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")

_NEWER_NAME = "forward_sync_buffers"
_BUFFERS: dict[str, Any] = {
    _NEWER_NAME if _NEWER_NAME in inspect.signature(DistributedDataParallel).parameters else "broadcast_buffers": False
}
"""Not to copy rank 0's buffers before each forward; newer torch has deprecated the option's older name."""

_TIMEOUT = timedelta(minutes=30)
"""Of one collective: as long as the slowest thing that only one rank does, such as staging its node's data."""


class Group:
    """All ranks of a run. NCCL between GPUs, gloo between CPUs, and a second gloo group for agreements."""

    def __init__(self, rank: int, world: int, device: torch.device, store: TCPStore | None = None) -> None:
        self.rank, self.world, self.device = rank, world, device
        self._side: dist.ProcessGroup | None = None
        if world > 1:
            gpu = device.type == "cuda"
            dist.init_process_group(
                "nccl" if gpu else "gloo",
                store=store,
                rank=rank,
                world_size=world,
                timeout=_TIMEOUT,
                device_id=device if gpu else None,
            )
            self._side = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=_TIMEOUT))

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes for all."""
        return self.rank == 0

    def maximum(self, values: Sequence[int]) -> list[int]:
        """The largest of each value over the ranks. Touches no GPU."""
        if self._side is None:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.int64)
        dist.all_reduce(tensor, dist.ReduceOp.MAX, group=self._side)
        return [int(value) for value in tensor.tolist()]

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over the ranks, on the CPU."""
        tensor = values.detach().to("cpu", copy=True)
        if self._side is not None:
            dist.all_reduce(tensor, group=self._side)
        return tensor

    def choice(self, value: T) -> T:
        """Rank 0's value."""
        if self._side is None:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._side)
        return box[0]

    def gathered(self, value: T) -> list[T]:
        """Each rank's value in the order of the ranks, on rank 0; nothing elsewhere."""
        if self._side is None:
            return [value]
        parts: list[Any] | None = [None] * self.world if self.first else None
        dist.gather_object(value, parts, dst=0, group=self._side)
        return parts or []

    @torch.no_grad()
    def copy_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors with rank 0's; one transfer per type."""
        if self.world == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            dist.broadcast(flat, src=0)
            for tensor, part in zip(same, torch.split(flat, [tensor.numel() for tensor in same]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def wrap(self, network: nn.Module, *, has_dynamic_graph: bool = False) -> nn.Module:
        """The network with its gradients averaged over the ranks; buffers stay each rank's own.

        has_dynamic_graph: not every forward uses every parameter. One that no rank has used in a step then has no
        gradient.
        """
        if self.world == 1:
            return network
        if has_dynamic_graph:  # torch says in the first forward that uses all parameters that it need not have looked
            warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        return DistributedDataParallel(
            network,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            **_BUFFERS,
            gradient_as_bucket_view=True,
            find_unused_parameters=has_dynamic_graph,
        )

    def close(self) -> None:
        """Leave the group, together: rank 0 holds the store that the others still need."""
        if self.world > 1:
            self.maximum([0])
            dist.destroy_process_group()


def averaging(network: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    """Whether the backward in this block averages gradients over the ranks: only a step's last one needs to."""
    if wanted or not isinstance(network, DistributedDataParallel):
        return nullcontext()
    return network.no_sync()
