"""Tracing one forward of a network: which modules run, and which operations they execute."""

from __future__ import annotations

import math
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from attnctl import attention
from attnctl.networks.complexity.work import Kind, Role, Work
from attnctl.networks.surgery import Attended, modules_of


class Shapes(TorchFunctionMode):
    """Builds and runs networks on the meta device faster.

    There, torch decomposes norms and activations into a dozen operations, which take most of a forward's time, although
    their output has the shape of their input. Initialisation is skipped, because meta tensors have no values.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called for every function of torch."""
        if func in _SAME_SHAPE and args[0].is_meta:
            return torch.empty_like(args[0])
        if func in _FILLING and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


class _BatchNormShape(torch.autograd.Function):
    """A batch norm that computes only shapes; it saves its input and the mean and deviation of each channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *affine: Tensor) -> Tensor:
        ctx.save_for_backward(x, x.new_empty(2 * x.shape[1]), *affine)
        return torch.empty_like(x)


_SAME_SHAPE = {
    *(functional.batch_norm, functional.instance_norm, functional.layer_norm, functional.group_norm),
    *(torch.batch_norm, torch.instance_norm, torch.group_norm),
    *(functional.relu, functional.hardtanh, functional.silu, functional.hardswish, functional.hardsigmoid),
    *(torch.sigmoid, Tensor.sigmoid, functional.gelu),
}
_FILLING = {Tensor.normal_, Tensor.uniform_, Tensor.fill_, Tensor.zero_}
_CONVS = {
    *(torch.conv1d, torch.conv2d, torch.conv3d),
    *(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
}
_NORMS: dict[Callable[..., Any], tuple[str, int]] = {
    functional.batch_norm: ("batch_norm", 3),
    torch.batch_norm: ("batch_norm", 1),
    functional.instance_norm: ("instance_norm", 3),
    torch.instance_norm: ("instance_norm", 1),
    functional.layer_norm: ("layer_norm", 2),
}
"""Function -> the layer that it computes, and the index of its scale among its arguments; the offset comes next."""

_MEANS = {torch.mean, Tensor.mean}
_LAYERS: dict[type[nn.Module], str] = {
    nn.AvgPool2d: "avg_pool",
    nn.MaxPool2d: "max_pool",
    nn.Upsample: "upsample",
    nn.ReLU: "relu",
    nn.ReLU6: "relu",
}
_FREE = {f"norm_{part}": ("group_norm", part) for part in ("weight", "bias")}
"""Scale and offset of a norm that our formula contains, and that is a GroupNorm layer in the authors' code."""

_OWNERS: dict[type[nn.Module], str] = {
    nn.modules.conv._ConvNd: "conv",
    nn.Linear: "linear",
    nn.modules.batchnorm._BatchNorm: "batch_norm",
    nn.modules.instancenorm._InstanceNorm: "instance_norm",
    nn.GroupNorm: "group_norm",
    nn.LayerNorm: "layer_norm",
}


class Recorder(Shapes):
    """Records every operation of a forward that some convention counts."""

    def __init__(self, network: nn.Module, *, exact: bool) -> None:
        super().__init__()
        self._network = network
        self._exact = exact  # run the real operations, because more than shapes is needed
        self._attention = set(attention_modules(network))
        self._running: list[nn.Module] = []
        self._inputs: list[int] = []  # the storage of the input map of each running attention module
        self._calls: Counter[nn.Module] = Counter()
        self._operations: list[tuple[Kind, Work, nn.Module, int]] = []
        self._used: dict[int, tuple[str, str]] = {}  # id of a parameter -> the layer that used it, and its role there

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Track which module is running."""
        hooks = []
        for module in self._network.modules():
            hooks.append(module.register_forward_pre_hook(self._enter))
            hooks.append(module.register_forward_hook(self._leave))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._running.append(module)
        self._calls[module] += 1
        if module in self._attention:
            self._inputs.append(_storage(inputs[0]))

    def _leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._running.pop()
        if module in self._attention:
            self._inputs.pop()
        name = _LAYERS.get(type(module))
        if name is not None:
            name += "_nearest" if getattr(module, "mode", "") == "nearest" else ""
            windows = _window(module) * output.numel()
            self._note(name, Work(0, inputs[0].numel(), output.numel(), windows=windows), module)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Record a function call after it has returned."""
        kwargs = kwargs or {}
        if not self._exact:
            output = super().__torch_function__(func, types, args, kwargs)
        elif func is functional.batch_norm and args[0].is_meta:
            output = _BatchNormShape.apply(args[0], *(tensor for tensor in args[3:5] if tensor is not None))
        else:
            output = func(*args, **kwargs)
        if func in _CONVS:
            weight, bias = self._weights("conv", args[1:3], kwargs)
            kernel = weight[0, 0].numel()
            per_output = weight.numel() // output.shape[1]
            self._note_weighted("conv", per_output, per_output // kernel, args[0], output, bias)
        elif func is functional.linear:
            weight, bias = self._weights("linear", args[1:3], kwargs)
            self._note_weighted("linear", weight.shape[1], weight.shape[1], args[0], output, bias)
        elif func in _NORMS:
            self._note_norm(*_NORMS[func], args, kwargs)
        elif func in _MEANS:
            self._note_mean(args[0], output, args[1] if len(args) > 1 else kwargs.get("dim"))
        elif func is functional.adaptive_avg_pool2d:
            self._note_pool("pool", args[0], output)
        return output

    def _weights(self, layer: str, values: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The weight and bias, tensors or None, among a function's arguments; records the layer of parameters."""
        weight = values[0] if values else kwargs.get("weight")
        bias = values[1] if len(values) > 1 else kwargs.get("bias")
        for part, tensor in (("weight", weight), ("bias", bias)):
            if isinstance(tensor, nn.Parameter):
                self._used[id(tensor)] = layer, part
        return weight, bias

    def _note_weighted(
        self, name: str, macs: int, channels: int, x: Tensor, output: Tensor, bias: Tensor | None
    ) -> None:
        """macs: per output value. channels: input channels per output value."""
        outputs = output.numel()
        biased = outputs if bias is not None else 0
        work = Work(macs * outputs, x.numel(), outputs, biased=biased, biased_inputs=biased * channels)
        self._note(name, work, self._running[-1])

    def _note_norm(self, name: str, position: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A batch norm always counts as a layer; the functions of other norms also occur inside other formulas."""
        layer = name == "batch_norm" or self._in_torch()
        weight = self._weights(name, args[position : position + 2], kwargs)[0] if layer else None
        values = args[0].numel()
        affine = values if weight is not None else 0
        self._note(name, Work(0, values, values, affine=affine), self._running[-1], layer=layer)

    def _in_torch(self) -> bool:
        """Whether the running module is one of torch's own layers."""
        return type(self._running[-1]).__module__.startswith("torch.nn")

    def _note_mean(self, x: Tensor, output: Tensor, dim: Any) -> None:
        """A mean over the map is a pool; in an attention module, only a mean of the module's input map is."""
        if dim is None or x.dim() < 3 or (self._inputs and _storage(x) != self._inputs[-1]):
            return
        dims = {d % x.dim() for d in ((dim,) if isinstance(dim, int) else dim)}
        spatial = {x.dim() - 1, x.dim() - 2}
        if dims == spatial or (x.dim() == 3 and dims == {2}):
            self._note_pool("pool", x, output)
        elif x.dim() == 4 and len(dims) == 1 and dims < spatial:
            self._note_pool("strip", x, output)

    def _note_pool(self, name: str, x: Tensor, output: Tensor) -> None:
        work = Work(0, x.numel(), output.numel(), windows=x.numel())
        self._note(name, work, self._running[-1], layer=self._in_torch())

    def _note(self, name: str, work: Work, module: nn.Module, *, layer: bool = True) -> None:
        kind = Kind(name, attention=bool(self._inputs), layer=layer)
        self._operations.append((kind, work, module, self._calls[module]))

    def works(self) -> dict[Kind, Work]:
        """The sums over all operations, by kind."""
        sums: defaultdict[Kind, Work] = defaultdict(Work)
        for kind, work, module, call in self._operations:
            sums[Kind(kind.name, kind.attention, kind.layer, last=call == self._calls[module])] += work
        return dict(sums)

    def roles(self) -> dict[Role, int]:
        """The number of parameters in each role; shared parameters count once."""
        sums: Counter[Role] = Counter()
        seen: set[int] = set()
        for module in self._network.modules():
            owner = next((name for kind, name in _OWNERS.items() if isinstance(module, kind)), None)
            for part, parameter in module.named_parameters(recurse=False):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    layer, role = (
                        (owner, part) if owner else self._used.get(id(parameter), _FREE.get(part, ("free", part)))
                    )
                    sums[Role(layer, role, self._calls[module])] += parameter.numel()
        return dict(sums)


def attention_modules(network: nn.Module) -> Iterator[nn.Module]:
    """The attention modules of a network: those inserted after a part, and those that replaced one."""
    for module in network.modules():
        if isinstance(module, Attended):
            yield from modules_of(module.attention)
        elif type(module).__module__.startswith(_OURS) or getattr(type(module), "replaces", False):
            yield module


_OURS = tuple(f"{attention.__name__}.{name}" for name in string.ascii_lowercase)
"""Prefixes of the import names of our modules; files that they share begin with an underscore."""


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


_UPSAMPLING = {"linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 31}
"""Operations per value, as in thop."""


def _window(module: nn.Module) -> int:
    """The size of a pool's window as thop counts it: a kernel given as one number counts as that, not as its square."""
    kernel = getattr(module, "kernel_size", 1)
    return _UPSAMPLING.get(
        str(getattr(module, "mode", "")), math.prod(kernel if isinstance(kernel, tuple) else (kernel,))
    )
