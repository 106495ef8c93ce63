"""What `attnctl sweep --json` says of runs."""

from __future__ import annotations

import json
from typing import Any


def runs(output: str) -> list[dict[str, Any]]:
    document = json.loads(output)
    assert isinstance(document["runs"], list)
    return document["runs"]
