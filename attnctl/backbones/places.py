"""Placements, as patterns of module paths, and the parts of a network that they match. Needs no torch.

A pattern is `path`, `path:Parent`, `path=Class` or `path:Parent=Class`. In the path, as in a shell, `*` stands for any
name, `?` for any character, `[1-3]` for one of a set, and `**` for any number of names. Parent is the class of the
enclosing module, Class that of the part itself; `Outer.Parent` also names the class of the module around that one.
Several names or patterns are combined by `+`, as in conv2+stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import log2

from attnctl.values import SpecError, comma_join

AND = "+"
"""What joins the names or patterns of a combined placement."""

REPLACE = "replace:"
"""The prefix of a placement that replaces the parts; without it, the module is inserted after them."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placement: modules are inserted `after` the matching parts, or replace them (`replace`).

    again: parts where another part's module is applied a second time, with shared weights: part -> that other part
    where: a description, with the paper's table that uses it
    version: raised when the same name matches other parts
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
        """Whether it replaces the parts."""
        return bool(self.replace)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns, whether inserted after or replaced."""
        return self.replace or self.after

    @property
    def replaces_norms(self) -> bool:
        """Whether its patterns show that it replaces norms."""
        return self.replaces and all("Norm" in pattern.partition("=")[2] for pattern in self.replace)

    @property
    def label(self) -> str:
        """Its name in specs and reports, with the prefix of a replacing placement."""
        return REPLACE + self.name if self.replaces else self.name


@dataclass(frozen=True)
class Part:
    """A module of a network, as traced by one forward.

    shape: (channels, height, width) of its output map; None if the output is not a map
    last: its map is channels-last: (B, H, W, C)
    calls: how often one forward runs it
    outer: the class of the module around its parent
    prefix: for tokens (B, N, C), how many of them (class token, registers) precede those of the map; None for a map
    """

    path: str
    kind: str
    parent: str
    shape: tuple[int, int, int] | None
    last: bool = False
    calls: int = 1
    outer: str = ""
    prefix: int | None = None

    @property
    def is_norm(self) -> bool:
        """Whether its class is that of a norm."""
        return "Norm" in self.kind and not self.kind.startswith("Conv")


@dataclass(frozen=True)
class TracedNetwork:
    """A network's traced parts. network: its class. input: its input side in pixels. parts: in completion order."""

    network: str
    input: int
    parts: tuple[Part, ...]


def is_pattern(text: str) -> bool:
    """Whether the text of a placement is a path pattern, not a name."""
    return re.search(r"[*?\[.=]", text) is not None


def from_pattern(text: str) -> Placement:
    """The placement of a pattern: `layer*.?.bn3` inserts after these parts, `replace:layer*.*.bn2` replaces them."""
    pattern = text.removeprefix(REPLACE)
    if pattern != text:
        return Placement(name=pattern, replace=(pattern,), where=f"in place of {pattern}")
    return Placement(name=pattern, after=(pattern,), where=f"after {pattern}")


def split(text: str) -> list[str]:
    """The names or patterns that a text combines, each with the prefix of the whole: one if it combines none."""
    prefix = REPLACE if text.startswith(REPLACE) else ""
    parts = text.removeprefix(REPLACE).split(AND)
    return [part if part.startswith(REPLACE) else prefix + part for part in parts]


def combined(rows: Sequence[Placement]) -> Placement:
    """All of several placements as one, with the names in alphabetical order; a part in two of them counts once.

    Raises SpecError if one is there twice, or if some insert after parts and others replace them.
    """
    rows = sorted(rows, key=lambda row: row.name)
    name = AND.join(row.name for row in rows)
    if len({row.name for row in rows}) < len(rows):
        raise SpecError(f"placement {name} names the same places twice")
    if len({row.replaces for row in rows}) > 1:
        ways = [f"{row.name} {'replaces' if row.replaces else 'inserts after'} parts" for row in rows]
        raise SpecError(f"placement {name} cannot be combined: {comma_join(ways)}")
    return Placement(
        name=name,
        after=tuple(pattern for row in rows for pattern in row.after),
        replace=tuple(pattern for row in rows for pattern in row.replace),
        again={second: first for row in rows for second, first in row.again.items()},
        where="; ".join(row.where for row in rows),
        version=sum(row.version for row in rows),
    )


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
    """Whether a pattern matches this part."""
    place, _, kind = pattern.partition("=")
    path, _, around = place.partition(":")
    outer, _, parent = around.rpartition(".")
    return (
        kind in {"", part.kind}
        and parent in {"", part.parent}
        and outer in {"", part.outer}
        and _expression(path).fullmatch(part.path) is not None
    )


def find(parts: Iterable[Part], place: Placement, network: str) -> list[Part]:
    """The parts that a placement matches, in order; raises SpecError if there are none, or one has no map.

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
    """Raise SpecError unless the module fits the placement.

    takes_norm: the module replaces norms. norms: the parts that the placement replaces are norms. known: the placements
    of the network, to suggest those that fit.
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
    """The ends of the stages of any network: for each resolution, the last part of the outermost level that has it.

    Resolutions above a quarter of the input's (the stem), single values (pooled maps) and tokens are ignored.
    size: the side in pixels of the input with which the parts were traced.
    """
    last: dict[int, Part] = {}
    for part in parts:
        if part.shape is None or part.calls > 1 or part.shape[1] <= 1 or part.kind in _NO_STAGE:
            continue
        if part.prefix is not None:
            continue
        level = round(log2(size / part.shape[1]))
        if level >= 2 and (level not in last or _depth(part) <= _depth(last[level])):
            last[level] = part
    return tuple(part.path for part in last.values())


_NO_STAGE = ("AdaptiveAvgPool2d", "Conv2d")
"""The pool before the classifier, and a bare convolution: the last map of a network that continues with tokens."""


def _depth(part: Part) -> int:
    return part.path.count(".")
