"""The text of several modules in one network, as it stands in a run's spec.

`ean+se` are two modules at the same places, in sequence; `an@norm2+se@block+stage` are two with places of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

AND, AT = "+", "@"


def join(names: Sequence[str], placements: Sequence[str]) -> tuple[str, str]:
    """The module and the placement of a spec: the placement that all have, or none if the module's text names each."""
    if len(set(placements)) == 1:
        return AND.join(names), placements[0]
    return AND.join(f"{name}{AT}{placement}" for name, placement in zip(names, placements, strict=True)), ""


def split(module: str, placement: str) -> list[tuple[str, str]]:
    """The (name, placement) of each module of a spec with several; placement: that of the spec."""
    if placement:
        return [(name, placement) for name in module.split(AND)]
    found: list[tuple[str, str]] = []
    for piece in module.split(AND):
        name, at, own = piece.partition(AT)
        if at or not found:
            found.append((name, own))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{AND}{piece}")
    return found
