"""The text that a run's id is the hash of: canonical JSON, in which the seed stands near the end.

The runs of a cell differ in their seed alone, so that what stands before it is encoded and hashed once for all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ID_LENGTH = 16
"""Hexadecimal digits of a run's id; commands take any unique prefix."""

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""A JSON value as text, with sorted keys and without spaces."""


def before_seed(values: Mapping[str, Any], recipe: str) -> str:
    """The beginning of the text. values: of the fields whose names sort before `recipe`, which is canonical JSON."""
    return f'{canonical(values)[:-1]},"recipe":{recipe},"seed":'


def after_seed(versions: Mapping[str, Any]) -> str:
    """The end of the text. Versions of the model and of the recipe's code are left out where 0 or empty."""
    values = {name: value for name, value in versions.items() if value or name not in {"model", "recipe"}}
    return f',"versions":{canonical(values)}}}'


WITHOUT_SEED = "0" + after_seed({"module": "", "backbone": 0, "placement": 0, "dataset": 0, "loop": 0})
"""What stands for the seed and the versions in the text that the runs of one table cell share."""


def digest(text: str) -> str:
    """The SHA-256 of a text, its first hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def digests(before: str, seeds: Iterable[int], after: str) -> Iterator[str]:
    """The digest of `before`, each seed, and `after`."""
    begun = hashlib.sha256(before.encode())
    for seed in seeds:
        whole = begun.copy()
        whole.update(f"{seed}{after}".encode())
        yield whole.hexdigest()[:ID_LENGTH]
