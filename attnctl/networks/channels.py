"""Generates the channels.json files, the channels of our networks that planning needs, by tracing the networks.

python -m attnctl.networks.channels
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnctl import backbones, models
from attnctl.backbones.measure import measure
from attnctl.backbones.places import find
from attnctl.backbones.trace import trace

_SIZE = 128
"""Image side in pixels for tracing models; the channels do not depend on it."""


def measured(name: str) -> dict[str, list[int]]:
    """The channels at each placement of a backbone, in network order."""
    traced = measure(name)
    available = backbones.available(backbones.describe(name).family, traced.parts, traced.input)
    return {
        placement: [part.shape[0] for part in parts if part.shape]
        for placement, (_, parts) in sorted(available.items())
    }


def of_model(name: str, backbone: str) -> dict[str, dict[str, int]]:
    """The channels at each path of a model's own placements, in network order."""
    network = models.build(name, backbones.build(backbone, 2), 2, size=_SIZE)
    parts = trace(network, _SIZE)
    placements = models.describe(name).placements
    return {
        label: {part.path: part.shape[0] for part in find(parts, placement, name) if part.shape}
        for label, placement in sorted(placements.items())
    }


def _write(file: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    _write(backbones.FOLDER / "channels.json", {name: measured(name) for name in backbones.names()})
    with_placements = [name for name in models.names() if models.describe(name).placements]
    pairs = [(name, backbone) for name in with_placements for backbone in models.describe(name).backbones]
    _write(models.FOLDER / "channels.json", {"/".join(pair): of_model(*pair) for pair in pairs})
