"""What `--set` says: settings that replace the paper's, for all tables or for one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attnctl.papers.runs import Overrides
from attnctl.spec import recipe_fields
from attnctl.values import SpecError, did_you_mean

_NAMED = ("model", "backbone", "placement", "dataset", "recipe")


def read(texts: Sequence[str], numbers: Collection[str], seeds: int) -> dict[str, Overrides]:
    """The overrides of each table by its number, with seeds 0, 1 ... Raises SpecError.

    texts: `[TABLE:]NAME=VALUE`; what is said for one table counts more than what is said for all.
    """
    common: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {number: {} for number in numbers}
    for text in texts:
        number, name, value = _parts(text)
        if number and number not in own:
            raise SpecError(f"--set {text!r}: table {number!r} is not reproduced{did_you_mean(number, numbers)}")
        (own[number] if number else common)[name] = value
    return {number: _overrides(common | values, seeds) for number, values in own.items()}


def _parts(text: str) -> tuple[str, str, str]:
    """Number of the table (empty for all), name and value."""
    key, equals, value = text.partition("=")
    number, _, name = key.rpartition(":")
    name = name.strip().replace("-", "_")
    if not equals or not value.strip():
        raise SpecError(f"--set {text!r} must be [TABLE:]NAME=VALUE, such as dataset=digits or 5:epochs=3")
    known = (*_NAMED, *recipe_fields())
    if name not in known:
        raise SpecError(f"--set {text!r}: unknown setting{did_you_mean(name, known)}")
    return number.strip(), name, value.strip()


def _overrides(values: Mapping[str, str], seeds: int) -> Overrides:
    named: dict[str, Any] = {name: value for name, value in values.items() if name in _NAMED}
    fields = {name: value for name, value in values.items() if name not in _NAMED}
    return Overrides(fields=fields, seeds=tuple(map(str, range(seeds))), **named)
