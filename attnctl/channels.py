"""Makes channels.json: what planning must know of the table's networks, measured on the networks themselves.

python -m attnctl.channels
"""

import json

from attnctl import backbones
from attnctl.backbones.measure import measure


def measured(name: str) -> dict[str, list[int]]:
    """The channels at each placement that a backbone has, in the order of the network."""
    found = measure(name)
    places = backbones.available(backbones.describe(name).family, found.parts, found.input)
    return {place: [part.shape[0] for part in parts if part.shape] for place, (_, parts) in sorted(places.items())}


if __name__ == "__main__":
    rows = [f"  {json.dumps(name)}: {json.dumps(measured(name))}" for name in backbones.names()]
    (backbones.FOLDER / "channels.json").write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
