"""The counting conventions of papers, which give different numbers for the same network.

thop, the tool behind most published counts, changed what it counts between releases and only sees layers: it ignores
parameters outside layers and operations written as functions. A count therefore also depends on how the counted code
was written: `Written`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attnctl.networks.complexity.work import Counts, Kind, Work
from attnctl.values import SpecError, did_you_mean

Price = Callable[[Work], int]

LAYERS = frozenset({"conv", "linear", "batch_norm", "group_norm", "layer_norm", "instance_norm"})


@dataclass(frozen=True)
class Written:
    """How the code behind a published count implemented the same computation.

    pools: the means over the map in its attention modules are AdaptiveAvgPool2d layers, not functions
    strips: so are the means over one axis
    fc: the fully connected layers of its attention modules are Linear layers (linear) or 1x1 convolutions (conv)
    head: so is the mean before the classifier; none: as in our backbone
    """

    pools: bool = False
    strips: bool = False
    fc: str = "linear"
    head: bool | None = None

    def seen(self, kind: Kind) -> str | None:
        """The layer that a layer-based tool sees for an operation; None if it does not see it."""
        if kind.name == "linear" and kind.attention and self.fc == "conv":
            return "conv"
        if kind.name in {"pool", "strip"}:
            if kind.attention:
                return "pool" if (self.pools if kind.name == "pool" else self.strips) else None
            return "pool" if (kind.layer if self.head is None else self.head) else None
        return kind.name if kind.layer else None


@dataclass(frozen=True)
class Convention:
    """A way of counting. prices: what an operation costs, by layer; what is not named costs nothing.

    parameters: the layers whose parameters count; all of them, free ones too, when none
    per_call: a layer that runs twice has its parameters counted twice, and only those named weight and bias count
    overwrites: a layer that runs twice has its operations counted once
    """

    name: str
    words: str
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
            price = self.prices.get(written.seen(kind) or "")
            if price is not None and (kind.last or not self.overwrites):
                total += price(work)
        return total


def _macs(work: Work) -> int:
    return work.macs


def _with_bias(work: Work) -> int:
    return work.macs + work.biased


def _pool(work: Work) -> int:
    return work.windows + work.outputs  # additions, and one division each


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
            "thop 0.0.22: norms 4 a value, activations and pools count, a linear layer 2 * in - 1 an output",
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
            "thop 0.0.31.post2001170342: norms 2 a value, biases count, a linear layer 2 * in - 1 an output",
            {**_SINCE_2020, "linear": lambda work: 2 * work.macs - work.outputs + work.biased},
            LAYERS,
        ),
        Convention(
            "thop-0.0.31",
            "thop 0.0.31.post2004 to 0.0.5: norms 2 a value, biases of convolutions count",
            _SINCE_2020,
            frozenset({"conv", "linear", "batch_norm"}),
        ),
        Convention(
            "thop-0.1",
            "thop 0.1: norms 4 a value (2 without scale and offset), no biases",
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
