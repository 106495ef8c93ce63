"""The ranges of a search, as typed: `log:1e-3..1e-1`, `uniform:0.1..0.9`, `int:2..32`, `log-int:2..32`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from attnctl.values import Scalar, SpecError, format_value

Kind = Literal["log", "uniform", "int", "log-int"]

EXAMPLES = {"log": "1e-3..1e-1", "uniform": "0.1..0.9", "int": "2..32", "log-int": "2..32"}

_TYPED = re.compile(r"(?P<kind>log|uniform|int|log-int):(?P<bounds>.*)", re.DOTALL)
_DIGITS = 4
"""Significant digits of a sampled number: of a log range of the number itself, else of the width of the range."""

_LARGEST_WHOLE = 10**9


@dataclass(frozen=True)
class Range:
    """All numbers from low to high, both included."""

    kind: Kind
    low: float
    high: float

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.kind in {"int", "log-int"}

    @property
    def is_log(self) -> bool:
        """Whether its logarithm is sampled uniformly."""
        return self.kind in {"log", "log-int"}

    def at(self, position: float) -> Scalar:
        """The value at a position from 0 to 1. Numbers are rounded to what a person would type."""
        low, high = (self.low - 0.5, self.high + 0.5) if self.is_whole else (self.low, self.high)
        if self.is_log:
            value = math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
        else:
            value = low + position * (high - low)
        if self.is_whole:
            return int(min(max(math.floor(value + 0.5), self.low), self.high))
        return min(max(self.rounded(value), self.low), self.high)

    def rounded(self, value: float) -> float:
        """The value with few digits."""
        size = abs(value) if self.is_log else self.high - self.low
        return round(value, _DIGITS - 1 - math.floor(math.log10(size)))

    def __str__(self) -> str:
        return f"{self.kind}:{format_value(self.low)}..{format_value(self.high)}"


@dataclass(frozen=True)
class Choice:
    """A comma list: each of its texts is as likely as any other."""

    options: tuple[str, ...]

    def at(self, position: float) -> str:
        """The option at a position from 0 to 1."""
        return self.options[min(int(position * len(self.options)), len(self.options) - 1)]

    def __str__(self) -> str:
        return ",".join(self.options)


def is_range(text: str) -> bool:
    """Whether a value is meant as a range."""
    return _TYPED.fullmatch(text) is not None


def read(text: str, name: str) -> Range:
    """The range that was typed for an option. Raises SpecError."""
    match = _TYPED.fullmatch(text)
    if match is None:
        raise SpecError(f"{name} is {text}; write a range such as log:{EXAMPLES['log']}")
    kind = match["kind"]
    first, _, last = match["bounds"].partition("..")
    try:
        low, high = (_bound(part, whole="int" in kind) for part in (first, last))
    except ValueError:
        raise SpecError(f"{name} has the range {text!r}; write it as {kind}:{EXAMPLES[kind]}") from None
    if not low < high:
        raise SpecError(f"{name} has the range {text!r}; the first number must be the smaller one")
    if kind.startswith("log") and low <= 0:
        raise SpecError(f"{name} has the range {text!r}; a {kind} range must begin above 0")
    return Range(cast(Kind, kind), low, high)


def check_type(found: Range, declared: Any, name: str) -> None:
    """Raise SpecError unless values of the declared type can be drawn from the range."""
    members = {declared, *get_args(declared)}
    if float in members or (int in members and found.is_whole):
        return
    if int in members:
        raise SpecError(f"{name} takes whole numbers; write its range as int:{EXAMPLES['int']}")
    raise SpecError(f"{name} does not take numbers, so it has no range; write its values as a comma list")


def _bound(text: str, *, whole: bool) -> float:
    """One end of a range; raises ValueError."""
    number = int(text) if whole else float(text)
    if not math.isfinite(number) or (whole and abs(number) > _LARGEST_WHOLE):
        raise ValueError
    return number
