"""Random seeds, derived from the purpose of a draw, so that no generator's state has to be saved."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt


def derive(*parts: int | str) -> int:
    """A 63-bit seed from parts such as (seed, "order", epoch): the same in every process and release."""
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def hashes(n: int, seed: int) -> npt.NDArray[np.uint64]:
    """n pseudorandom numbers that do not depend on any library's generator: splitmix64 of seed + 0..n-1.

    Steele et al., Fast splittable pseudorandom number generators, 2014.
    """
    z = (np.arange(n, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashed: npt.NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return hashed
