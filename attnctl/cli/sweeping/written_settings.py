"""Settings of a paper's rows that an option gives as `NAME=VALUE`: `--base` of sweep and `--set` of reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attnctl.spec import recipe_fields
from attnctl.values import SpecError, did_you_mean

if TYPE_CHECKING:
    from attnctl.papers.runs import Overrides

_NAMED = ("model", "backbone", "placement", "dataset", "recipe")


def read(option: str, text: str, form: str, pair: str | None = None) -> tuple[str, str]:
    """The name and the value; raises SpecError. form: what the text must be. pair: its part to read, if not all."""
    name, equals, value = (text if pair is None else pair).partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not value.strip():
        raise SpecError(f"{option} {text!r} must be {form}")
    known = (*_NAMED, *recipe_fields())
    if name not in known:
        raise SpecError(f"{option} {text!r}: unknown setting{did_you_mean(name, known)}")
    return name, value.strip()


def overrides(values: Mapping[str, str], seeds: tuple[str, ...] | None = None) -> Overrides:
    """The overrides that these settings are. seeds: instead of the only seed 0."""
    from attnctl.papers.runs import Overrides

    more: dict[str, Any] = {name: value for name, value in values.items() if name in _NAMED}
    if seeds is not None:
        more["seeds"] = seeds
    return Overrides(fields={name: value for name, value in values.items() if name not in _NAMED}, **more)
