"""The process group of a run: reductions, broadcasts and gradient averaging. With one process, all are no-ops."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import Store
from torch.nn.parallel import DistributedDataParallel

from attnctl.jobs.runtime.clock import NEVER
from attnctl.workspace import untrusted_json

T = TypeVar("T", bound=bool | int | float | str | list[Any] | dict[str, Any] | None)

_NEW_NAME = "forward_sync_buffers"
_BUFFERS: dict[str, Any] = {
    _NEW_NAME if _NEW_NAME in inspect.signature(DistributedDataParallel).parameters else "broadcast_buffers": False
}
"""Do not copy rank 0's buffers before each forward. Newer torch versions have renamed the option."""


class Group:
    """All ranks of a run: NCCL between GPUs, gloo between CPUs, and a second gloo group for small CPU values."""

    def __init__(self, rank: int, world: int, device: torch.device, store: Store | None = None) -> None:
        self.rank, self.world, self.device = rank, world, device
        self._cpu_group: dist.ProcessGroup | None = None
        if world > 1:
            gpu = device.type == "cuda"
            dist.init_process_group(
                "nccl" if gpu else "gloo",
                store=store,
                rank=rank,
                world_size=world,
                timeout=NEVER,
                device_id=device if gpu else None,
            )
            self._cpu_group = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=NEVER))

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes the run's files."""
        return self.rank == 0

    def maximum(self, values: Sequence[int]) -> list[int]:
        """The element-wise maximum over the ranks. Does not synchronise the GPU."""
        if self._cpu_group is None:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.int64)
        dist.all_reduce(tensor, dist.ReduceOp.MAX, group=self._cpu_group)
        return [int(value) for value in tensor.tolist()]

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over the ranks, on the CPU."""
        tensor = values.detach().to("cpu", copy=True)
        if self._cpu_group is not None:
            dist.all_reduce(tensor, group=self._cpu_group)
        return tensor

    def broadcast(self, value: T) -> T:
        """The value of rank 0, which JSON can express. Raises ValueError for bytes that are not JSON."""
        if self._cpu_group is None:
            return value
        data = _encoded(value) if self.first else b""
        (length,) = self.maximum([len(data)])
        message = _as_tensor(data, length)
        dist.broadcast(message, src=0, group=self._cpu_group)
        return cast(T, _decoded(message))

    def gather(self, value: T) -> list[T]:
        """The values of all ranks in order of rank, on rank 0; an empty list on the others.

        JSON must be able to express them. Raises ValueError for bytes that are not JSON.
        """
        if self._cpu_group is None:
            return [value]
        data = _encoded(value)
        (length,) = self.maximum([len(data)])
        parts = [_as_tensor(b"", length) for _ in range(self.world)] if self.first else None
        dist.gather(_as_tensor(data, length), parts, dst=0, group=self._cpu_group)
        return [cast(T, _decoded(part)) for part in parts or []]

    @torch.no_grad()
    def copy_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite the tensors with those of rank 0, in one transfer per dtype."""
        if self.world == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            dist.broadcast(flat, src=0)
            for tensor, part in zip(same, torch.split(flat, [tensor.numel() for tensor in same]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def wrap(self, network: nn.Module, *, has_dynamic_graph: bool = False) -> nn.Module:
        """Wrap the network so that its gradients are averaged over the ranks; each rank keeps its own buffers.

        has_dynamic_graph: not every forward uses every parameter. A parameter that no rank has used in a step has no
        gradient then.
        """
        if self.world == 1:
            return network
        if has_dynamic_graph:  # torch warns whenever a first forward happens to use all parameters
            warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        return DistributedDataParallel(
            network,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            **_BUFFERS,
            gradient_as_bucket_view=True,
            find_unused_parameters=has_dynamic_graph,
        )

    def close(self) -> None:
        """Leave the group. All ranks leave together, because rank 0 holds the store that the others still need."""
        if self.world > 1:
            self.maximum([0])
            dist.destroy_process_group()


# JSON and not torch's object collectives, which unpickle what they receive: a process that joined a run as one of its
# ranks could execute code in the others.


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def _as_tensor(data: bytes, length: int) -> Tensor:
    """(length,) uint8: the data, and spaces, which JSON allows at the end."""
    return torch.frombuffer(bytearray(data.ljust(length)), dtype=torch.uint8)


def _decoded(message: Tensor) -> Any:
    return untrusted_json.loads(message.numpy().tobytes())


def gradient_sync(network: nn.Module, enabled: bool) -> AbstractContextManager[None]:
    """Enable gradient averaging in backward passes inside the block; only the last one of a step needs it."""
    if enabled or not isinstance(network, DistributedDataParallel):
        return nullcontext()
    return network.no_sync()
