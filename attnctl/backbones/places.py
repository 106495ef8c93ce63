"""Named places in a network, as patterns of module paths; which parts of a network they mean. Needs no torch.

A pattern is `path`, `path:Parent`, `path=Class` or `path:Parent=Class`. In the path `*` stands for any name, `?` for
any character, `[1-3]` for one of them, as in a shell, and `**` for any number of names. Parent is the class of the
module that holds the part, Class the part's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import log2

from attnctl.values import SpecError, comma_join

REPLACE = "replace:"
"""Before a placement's name where what is there is replaced; without it attention goes after it."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Named places in a network: a module goes `after` them, or takes the place of them (`replace`).

    again: where the module of another place is applied a second time, with the same weights: place -> that other place
    where: in words, with the paper's table that needs it
    version: moves when the same name means other places
    """

    name: str
    after: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    again: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    version: int = 1
    also: tuple[str, ...] = ()
    """Other names of it."""

    @property
    def replaces(self) -> bool:
        """Whether what is at the places goes away."""
        return bool(self.replace)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The places, whichever mode."""
        return self.replace or self.after

    @property
    def replaces_norms(self) -> bool:
        """Whether its patterns say that they replace norms."""
        return self.replaces and all("Norm" in pattern.partition("=")[2] for pattern in self.replace)

    @property
    def label(self) -> str:
        """How a spec and a report call it: what replaces says so."""
        return REPLACE + self.name if self.replaces else self.name


@dataclass(frozen=True)
class Part:
    """A module of a network as one forward found it.

    shape: (channels, height, width) of the map that it gives; None when it gives no map
    last: its map has the channels last: (B, H, W, C)
    calls: how often one forward runs it
    """

    path: str
    kind: str
    parent: str
    shape: tuple[int, int, int] | None
    last: bool = False
    calls: int = 1

    @property
    def is_norm(self) -> bool:
        """Whether its class is that of a norm."""
        return "Norm" in self.kind and not self.kind.startswith("Conv")


@dataclass(frozen=True)
class Measured:
    """What one forward found of a network. network: its class. input: pixels it is made for. parts: as they ended."""

    network: str
    input: int
    parts: tuple[Part, ...]


def is_pattern(text: str) -> bool:
    """Whether a placement's text is a pattern of paths and no name."""
    return re.search(r"[*?\[.=]", text) is not None


def from_pattern(text: str) -> Placement:
    """The placement of a pattern: `layer*.?.bn3` is after these parts, `replace:layer*.*.bn2` takes their place."""
    pattern = text.removeprefix(REPLACE)
    if pattern != text:
        return Placement(name=pattern, replace=(pattern,), where=f"in place of {pattern}")
    return Placement(name=pattern, after=(pattern,), where=f"after {pattern}")


@cache
def _expression(path: str) -> re.Pattern[str]:
    known = {"**": ".+", "*": "[^.]*", "?": "[^.]"}
    text = ""
    for index, token in enumerate(re.split(r"(\*\*|\*|\?|\[[^]]+\])", path)):
        special = index % 2 == 1  # what the split itself caught
        if not special and ("[" in token or "]" in token):
            raise SpecError(f"{path!r} is not a path pattern such as layer*.?.bn3: unbalanced bracket")
        text += known.get(token, token.replace("[!", "[^")) if special else re.escape(token)
    try:
        return re.compile(text)
    except re.error as error:
        raise SpecError(f"{path!r} is not a path pattern such as layer*.?.bn3: {error}") from error


def matches(part: Part, pattern: str) -> bool:
    """Whether a pattern means this part."""
    place, _, kind = pattern.partition("=")
    path, _, parent = place.partition(":")
    return (
        kind in {"", part.kind} and parent in {"", part.parent} and _expression(path).fullmatch(part.path) is not None
    )


def find(parts: Iterable[Part], place: Placement, network: str) -> list[Part]:
    """The parts that a placement means, in their order; raises SpecError when there is none, or one holds no map.

    network: its name, for the error.
    """
    parts = list(parts)
    found = [part for part in parts if any(matches(part, pattern) for pattern in place.patterns)]
    if not found:
        raise SpecError(f"{network} has no part {' or '.join(place.patterns)}")
    for part in found:
        if part.shape is None:
            raise SpecError(f"{network}: cannot insert attention at {part.path}: its output is not a map (B, C, H, W)")
        if part.calls > 1:
            raise SpecError(
                f"{network}: cannot insert attention at {part.path}: one forward runs it {part.calls} times"
            )
    for second, first in place.again.items():
        shapes = [part.shape for path in (second, first) for part in parts if part.path == path]
        if len(shapes) != 2 or None in shapes or shapes[0][0] != shapes[1][0]:  # type: ignore[index] # None is tested
            raise SpecError(f"{network} cannot share the module of {first} with {second}: they have different channels")
    return found


def check_fit(module: str, takes_norm: bool, place: Placement, norms: bool, known: Iterable[Placement] = ()) -> None:
    """Raise SpecError unless the module goes with the placement.

    takes_norm: the module takes the place of a norm. norms: what the placement replaces are norms. known: the
    placements of the network, to name those that fit.
    """
    if takes_norm == (place.replaces and norms):
        return
    fitting = [row.label for row in known if row.replaces_norms == takes_norm]
    instead = f"; choose one of {comma_join(fitting)}" if fitting else ""
    if takes_norm:
        found = "replaces other layers" if place.replaces else "inserts after blocks"
        raise SpecError(f"{module} replaces norm layers, but placement {place.label} {found}{instead}")
    raise SpecError(f"{module} cannot replace norm layers, which placement {place.label} requires{instead}")


def stages(parts: Sequence[Part], size: int) -> tuple[str, ...]:
    """The ends of the stages of any network: at each resolution the last part of the outermost level that has it.

    Resolutions above a quarter of the input's (the stem's) and single values (pooled maps) do not count.
    size: pixels of the input with which the parts were found.
    """
    last: dict[int, Part] = {}
    for part in parts:
        if part.shape is None or part.calls > 1 or part.shape[1] <= 1 or part.kind in _NO_STAGE:
            continue
        level = round(log2(size / part.shape[1]))
        if level >= 2 and (level not in last or _depth(part) <= _depth(last[level])):
            last[level] = part
    return tuple(part.path for part in last.values())


_NO_STAGE = ("AdaptiveAvgPool2d", "Conv2d")
"""A pool before the classifier, and a bare convolution: the last map of a network that goes on with tokens."""


def _depth(part: Part) -> int:
    return part.path.count(".")
