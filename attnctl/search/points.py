"""Where the samples of a search lie: positions from 0 to 1 that depend on the seed, the dimension and the number alone.

So a search typed again has the same samples, a longer one begins with those of the shorter one, and what several
modules share has the same values for each of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

Method = Literal["random", "sobol"]


def position(method: Method, seed: int, names: Sequence[str], name: str, sample: int, draw: int) -> float:
    """The position of a sample in one dimension, at least 0 and below 1.

    names: the dimensions of the module, those that all modules share first. sample: from 0. draw: 0, and more where the
    sample is drawn again because the module cannot have the values; draws after the first are random.
    """
    if method == "random" or draw:
        return _hashed(f"{seed}/{name}/{sample}/{draw}")
    return (_sobol(len(names), _power(sample + 1))[sample][names.index(name)] + _hashed(f"{seed}/{name}")) % 1.0


def _power(count: int) -> int:
    """The exponent of the least power of two that is at least `count`: Sobol' points are balanced in such numbers."""
    return max(0, math.ceil(math.log2(count)))


@cache
def _sobol(dimensions: int, power: int) -> Sequence[Sequence[float]]:
    """Unscrambled, so that a dimension does not depend on how many follow it; the caller shifts each by the seed."""
    from scipy.stats import qmc  # takes half a second

    points: list[list[float]] = qmc.Sobol(dimensions, scramble=False).random_base2(power).tolist()
    return points


def _hashed(text: str) -> float:
    """A number from 0 to below 1, of 53 bits: the same on every machine and in every release of any library."""
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 11) / (1 << 53)
