"""Inert classes in place of those that a pickle names, so that a file is read without running any code of it.

Training scripts save their options, scores and dates with the weights: argparse.Namespace, numpy's scalars, their own
classes. torch.load with weights_only=True refuses them. With a stand-in for each of them it reads the file; the values
are not used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

_NUMPY = "numpy."


class StandIn:
    """What a file holds instead of an object. It can be made from anything, and keeps nothing."""

    stands_for = ""
    """The class in the file."""

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> Any:
        """The same for all arguments."""
        return super().__new__(cls)

    def __init__(self, *_arguments: Any, **_keywords: Any) -> None:
        """Take anything."""

    def __setstate__(self, _state: Any) -> None:
        """Forget the state."""


class Items(StandIn):
    """As `StandIn`, for a subclass of dict: torch adds items only to dicts of its own list."""

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> Any:
        """A dict, so that nothing of this class remains."""
        return OrderedDict()


def stand_ins(classes: Iterable[str], *, items: bool) -> list[tuple[Any, str]]:
    """A stand-in for each of these classes or functions, as torch's `safe_globals` takes them.

    torch looks in its own list of permitted classes first, so that tensors are built by torch. items: there are
    subclasses of dict among the classes.
    """
    return [
        (type("StandIn", (Items if items and not name.startswith(_NUMPY) else StandIn,), {"stands_for": name}), name)
        for name in sorted(classes)
    ]
