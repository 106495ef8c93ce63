"""Where randomness comes from: seeds derived from what a draw is for, so that nothing has to be remembered."""

from __future__ import annotations

import hashlib
import json


def derive(*parts: int | str) -> int:
    """A seed of 63 bits from its parts, such as (seed, "order", epoch): the same in every process and release."""
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
