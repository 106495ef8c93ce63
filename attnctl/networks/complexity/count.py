"""Counting a network by tracing one forward; on the meta device, only shapes are computed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from attnctl.networks.complexity.record import Recorder
from attnctl.networks.complexity.work import Counts

Shape = tuple[int, int, int]


def count(network: nn.Module, shape: Shape, *, memory: bool = True) -> Counts:
    """The complexity of a network for one image of `shape` (channels, height, width), in evaluation mode.

    memory: also measure the activation memory, which needs a forward with gradients. The network is not changed.
    """
    tensors = itertools.chain(network.parameters(), network.buffers())
    image = torch.zeros(1, *shape, device=next((tensor.device for tensor in tensors), torch.device("cpu")))
    recorder = Recorder(network, exact=memory)
    saved, flops = _SavedTensors(network), _Flops()
    training = {module: module.training for module in network.modules()}
    try:
        network.eval()
        with (
            torch.set_grad_enabled(memory),
            torch.autograd.graph.saved_tensors_hooks(saved.note, lambda tensor: tensor),
            flops,
            recorder.watching(),
            recorder,
        ):
            output = network(image)
        saved_bytes = saved.bytes()  # before the output is freed, because addresses of freed tensors are reused
        del output
    finally:
        for module, mode in training.items():
            module.training = mode
    return Counts(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs=flops.total // 2,
        activation_bytes=saved_bytes if memory else None,
        works=recorder.works(),
        roles=recorder.roles(),
    )


class _Flops(TorchDispatchMode):
    """torch's FlopCounterMode without its per-module bookkeeping, in half the time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called for every operation of torch."""
        output = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=output)
        return output


class _SavedTensors:
    """The tensors that autograd saves in a forward, except the network's own."""

    def __init__(self, network: nn.Module) -> None:
        self._parameters = {tensor.untyped_storage()._cdata for tensor in (*network.parameters(), *network.buffers())}
        self._sizes: dict[int, int] = {}

    def note(self, tensor: Tensor) -> Tensor:
        """Note a saved tensor and return it; views of one storage count once."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._parameters:
            self._sizes[storage._cdata] = storage.nbytes()
        return tensor

    def bytes(self) -> int:
        """The size of all saved tensors, in bytes."""
        return sum(self._sizes.values())
