"""What the tests of the attention modules share: small settings of each, and random parameters."""

from __future__ import annotations

from typing import Any

import torch

from attnctl import attention

SMALL: dict[str, list[dict[str, Any]]] = {
    "an": [
        {"K": 3},
        {"K": 3, "norm": "ln", "separate": True},
        {"K": 3, "norm": "in", "mixture": "se"},
        {"K": 3, "norm": "sn", "mixture": "conv", "separate": True},
        {"K": 3, "form": "released"},
        {"K": 3, "form": "released", "start": "released"},
        {"K": 3, "form": "released", "norm": "ln"},
        {"K": 3, "norm": "gn", "gn_groups": 4},
    ],
    "bam": [{"r": 4, "dilation": 2}, {"r": 4, "dilation": 2, "joint": "sum"}],
    "ca": [{"r": 4, "min_channels": 1}, {"r": 16, "min_channels": 3, "bias": False}],
    "ca_gn": [{"r": 4, "min_channels": 1, "num_groups": 2}, {"r": 8, "bias": True}],
    "caa": [{"kernel": 3}, {"kernel": 5}],
    "cbam": [{"r": 4, "kernel": 3}, {"r": 4, "kernel": 5, "bias": False, "bn": False, "min_channels": 6}],
    "cpca": [{"r": 4}, {"r": 2, "form": "released"}],
    "ean": [
        {"G": 4},
        {"G": 2, "shared": False},
        {"G": 2, "form": "released"},
        {"G": 4, "weights": "gamma"},
        {"G": 4, "weights": "none", "shared": False},
        {"G": 4, "adaptation": False},
        {"G": 4, "statistics": "group"},
        {"G": 2, "weights": "none", "adaptation": False, "statistics": "group"},
    ],
    "eca": [{}, {"kernel": 5}],
    "ela": [
        {"kernel": 5, "groups": "c", "num_groups": 8},
        {"kernel": 5, "groups": "c/8", "num_groups": 8},
        {"kernel": 3, "groups": 4, "num_groups": 2, "shared": False},
    ],
    "ema": [{"G": 4}, {"G": 8}],
    "ese": [{}, {"form": "released"}],
    "fca": [{"r": 4, "frequencies": 4}],
    "gam": [{"r": 4}, {"r": 4, "groups": 2, "form": "released"}],
    "gc": [{"r": 4}, {"r": 4, "form": "released"}],
    "ge": [
        {},
        {"extent": 2},
        {"excite": "mlp", "r": 4},
        {"variant": "theta"},
        {"variant": "theta", "extent": 4},
        {"variant": "plus", "extent": 8, "r": 4},
    ],
    "gn": [{"num_groups": 4}],
    "in": [{}],
    "lsk": [{}],
    "lska": [{"kernel": 7}, {"kernel": 23}],
    "mca": [{}, {"channel": False}],
    "mlca": [{"size": 3, "weight": 0.25}, {"size": 5}],
    "nam": [{}, {"share": "printed"}, {"gates": "spatial"}, {"gates": "both", "penalty": 0.5}],
    "nl": [{"r": 2}, {"r": 4, "affinity": "dot"}, {"r": 8, "scaled": True}],
    "pdfam": [{}],
    "sa": [{"G": 4}, {"G": 2}, {"G": 1}],
    "scoord": [{"r": 4}, {"bias": False}],
    "scsa": [{"window": 2}, {"heads": 4}],
    "se": [{"r": 4, "bias": True}, {"r": 2}, {"r": 32, "min_channels": 5}],
    "sge": [{"G": 4}],
    "shsa": [{"r": 4, "D": 8}, {"r": 1, "D": 4}],
    "simam": [{"e_lambda": 0.01}],
    "sn": [{}, {"norms": "in,ln"}, {"form": "released"}, {"norms": "in,ln", "form": "released"}],
    "srm": [{}, {"form": "released"}],
    "strip": [{"kernel": 3}, {"kernel": None}, {"kernel": 5, "bias": True}],
    "triplet": [{"kernel": 3}],
}
"""Settings that fit 16 channels and between them take every path."""

SPREADS = {"caa": 0.3, "cpca": 0.3, "ema": 0.3, "gam": 0.1, "ge": 0.3, "lsk": 0.2, "lska": 0.3, "nl": 0.3, "shsa": 0.3}
"""The standard deviation of the random parameters, where that of 1 would saturate the gates."""

Counts = list[tuple[dict[str, Any], int | None, int]]

CASES = [(name, values) for name, settings in SMALL.items() for values in settings]


def label(value: object) -> str | None:
    """A case's name in the list of tests."""
    return ",".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else None


def randomised(name: str, channels: int, map_size: tuple[int, int] | None = None, **hyperparameters: Any) -> Any:
    """A module in float64 with random, not initial, parameters and running statistics."""
    torch.manual_seed(0)
    module = attention.create(name, channels, map_size, **hyperparameters).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=SPREADS.get(name, 1.0))
        for key, buffer in module.named_buffers():
            if key.endswith("running_mean"):
                buffer.normal_()
            elif key.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
    return module
