"""The sizes of our plain networks, read from plain_counts.json, so that a cost is estimated without torch.

A detector's heads run once for each proposal, and an untrained one has few: of these the counts are only rough.
`python -m attnctl.networks.plain_counts` generates the file by counting each network at its usual input.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from attnctl import backbones, models
from attnctl.workspace import untrusted_json

FILE = Path(__file__).parent / "plain_counts.json"

_NORM_VARIANTS = {"maskrcnn_an": "maskrcnn", "maskrcnn_gn": "maskrcnn", "maskrcnn_sn": "maskrcnn"}
"""Models that differ from another one in their norms alone, and have its counts."""

_CLASSES = 80
"""Classes of the counted networks: their share in the work is small."""


@dataclass(frozen=True, kw_only=True)
class PlainCounts:
    """A network without attention. side: of its input in pixels, for one image of which the rest holds.

    activation_bytes: of the tensors that autograd saves. layers: the modules without parts of their own.
    """

    side: int
    parameters: int
    macs: int
    activation_bytes: int
    layers: int

    def at(self, side: int) -> PlainCounts:
        """The same network for another input: convolutions grow with the area of the image."""
        area = (side / self.side) ** 2
        return PlainCounts(
            side=side,
            parameters=self.parameters,
            macs=round(self.macs * area),
            activation_bytes=round(self.activation_bytes * area),
            layers=self.layers,
        )


def plain_counts(backbone: str, model: str = "") -> PlainCounts | None:
    """The sizes of a backbone, or of a model around it; None for a network that is not in the file."""
    return _table().get(_name(backbone, model))


def _name(backbone: str, model: str) -> str:
    return f"{_NORM_VARIANTS.get(model, model)}/{backbone}" if model else backbone


@cache
def _table() -> dict[str, PlainCounts]:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: untrusted_json.decode(PlainCounts, row) for name, row in document.items()}


def measured(backbone: str, model: str = "") -> PlainCounts:
    """Count a network at its usual input; needs torch."""
    from attnctl.networks.complexity import Cell, counts
    from attnctl.networks.complexity.build import build_on_meta

    side = models.describe(model).input if model else backbones.describe(backbone).input
    cell = Cell(model=model, backbone=backbone, classes=_CLASSES, size=side)
    counted = counts(cell)
    layers = sum(not any(module.children()) for module in build_on_meta(cell).modules())
    return PlainCounts(
        side=side,
        parameters=counted.parameters,
        macs=counted.macs,
        activation_bytes=counted.activation_bytes or 0,
        layers=layers,
    )


def networks() -> list[tuple[str, str]]:
    """(backbone, model) of each network of the file."""
    plain = [(name, "") for name in backbones.names()]
    counted = [model for model in models.names() if model not in _NORM_VARIANTS]
    return plain + [(backbone, model) for model in counted for backbone in models.describe(model).backbones]


def generate() -> None:
    """Write the file. Each network is counted in a process of its own, as some detectors leave gigabytes behind."""
    with get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        rows = pool.map(_row, networks(), chunksize=1)
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _row(network: tuple[str, str]) -> tuple[str, dict[str, int]]:
    return _name(*network), asdict(measured(*network))


if __name__ == "__main__":
    import torch  # noqa: F401 - so that each process has it already

    generate()
