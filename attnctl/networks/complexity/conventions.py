"""The counting conventions of papers, which give different numbers for the same network.

thop, the tool behind most published counts, changed its rules between releases. It also sees layers only: it ignores
parameters outside layers, and operations written as functions. A count therefore also depends on how the counted code
was written (`Written`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attnctl.networks.complexity.work import Counts, Kind, Work
from attnctl.values import SpecError, did_you_mean

Price = Callable[[Work], int]
"""The number of operations that a convention counts for some work."""

LAYERS = frozenset({"conv", "linear", "batch_norm", "group_norm", "layer_norm", "instance_norm"})
"""The kinds of layers that have parameters."""


@dataclass(frozen=True)
class Written:
    """How the code behind a published count implemented the same computation.

    pools: in attention modules, means over the map are AdaptiveAvgPool2d layers, not functions
    strips: in attention modules, means over one axis are such layers, not functions
    fc: in attention modules, fully connected layers are Linear layers (linear) or 1x1 convolutions (conv)
    head: the mean before the classifier is such a layer, not a function; none: as in our backbone
    """

    pools: bool = False
    strips: bool = False
    fc: str = "linear"
    head: bool | None = None

    def visible_layer(self, kind: Kind) -> str | None:
        """The layer that a layer-based tool sees for an operation; None if it does not see any."""
        if kind.name == "linear" and kind.attention and self.fc == "conv":
            return "conv"
        if kind.name in {"pool", "strip"}:
            if kind.attention:
                return "pool" if (self.pools if kind.name == "pool" else self.strips) else None
            return "pool" if (kind.layer if self.head is None else self.head) else None
        return kind.name if kind.layer else None


@dataclass(frozen=True)
class Convention:
    """A way of counting.

    description: one line for users
    prices: layer -> operations counted for its work; other layers count nothing
    parameters: the layers whose parameters count; none: all parameters, also those outside layers
    per_call: count only parameters named weight and bias, once for each call of their module
    overwrites: count only the last call of a layer that runs several times
    """

    name: str
    description: str
    prices: Mapping[str, Price]
    parameters: frozenset[str] | None = None
    per_call: bool = False
    overwrites: bool = False

    def count(self, counts: Counts, written: Written) -> tuple[int, int]:
        """(parameters, operations) of one image."""
        return self._parameters(counts), self._operations(counts, written)

    def _parameters(self, counts: Counts) -> int:
        return sum(
            number * (role.calls if self.per_call else 1)
            for role, number in counts.roles.items()
            if (self.parameters is None or role.layer in self.parameters)
            and not (self.per_call and role.part not in {"weight", "bias"})
        )

    def _operations(self, counts: Counts, written: Written) -> int:
        total = 0
        for kind, work in counts.works.items():
            price = self.prices.get(written.visible_layer(kind) or "")
            if price is not None and (kind.last or not self.overwrites):
                total += price(work)
        return total


def _macs(work: Work) -> int:
    return work.macs


def _with_bias(work: Work) -> int:
    return work.macs + work.biased


def _pool(work: Work) -> int:
    return work.windows + work.outputs  # the additions, and one division per output


def _windows(work: Work) -> int:
    return work.windows


def _outputs(work: Work) -> int:
    return work.outputs


_SINCE_2020 = {
    "conv": _with_bias,
    "linear": _macs,
    "batch_norm": lambda work: 2 * work.inputs,
    "pool": _pool,
    "avg_pool": _outputs,
    "upsample": _windows,
}

CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention(
            "conv+fc",
            "multiply-accumulates of convolutions and fully connected layers",
            {"conv": _macs, "linear": _macs},
        ),
        Convention(
            "thop-0.0.22",
            "thop 0.0.22: norms 4 per value, activations and pools count, linear layers 2 * in - 1 per output",
            {
                "conv": lambda work: work.macs + work.biased_inputs,
                "linear": lambda work: 2 * work.macs - work.outputs,
                "batch_norm": lambda work: 4 * work.inputs,
                "relu": lambda work: work.inputs,
                "pool": _pool,
                "avg_pool": lambda work: work.windows + work.outputs,
                "max_pool": _windows,
            },
            LAYERS,
            overwrites=True,
        ),
        Convention(
            "thop-0.0.31-january",
            "thop 0.0.31.post2001170342: norms 2 per value, biases count, linear layers 2 * in - 1 per output",
            {**_SINCE_2020, "linear": lambda work: 2 * work.macs - work.outputs + work.biased},
            LAYERS,
        ),
        Convention(
            "thop-0.0.31",
            "thop 0.0.31.post2004 to 0.0.5: norms 2 per value, biases of convolutions count",
            _SINCE_2020,
            frozenset({"conv", "linear", "batch_norm"}),
        ),
        Convention(
            "thop-0.1",
            "thop 0.1: norms 4 per value (2 without scale and offset), no biases",
            {
                **_SINCE_2020,
                "conv": _macs,
                **dict.fromkeys(
                    ("batch_norm", "instance_norm", "layer_norm"), lambda work: 2 * (work.inputs + work.affine)
                ),
                "upsample_nearest": _outputs,
            },
            frozenset({"conv", "linear", "batch_norm", "instance_norm", "layer_norm"}),
        ),
        Convention(
            "torchsummary",
            "torchsummary: parameters named weight and bias, at every call of their module; printed as MiB of float32",
            {},
            per_call=True,
        ),
    )
}


def convention(name: str) -> Convention:
    """The convention of that name; raises SpecError."""
    if name not in CONVENTIONS:
        raise SpecError(f"unknown counting convention {name!r}{did_you_mean(name, CONVENTIONS)}")
    return CONVENTIONS[name]
