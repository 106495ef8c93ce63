"""Writes docs/api.md from the docstrings of the public names: `python -m attnctl.api.reference > docs/api.md`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import attnctl

_FUNCTIONS = ("sweep", "status", "report", "load", "attach", "network")
_TITLE = """# Python API

Import `attnctl` in a program or notebook. The names below are imported when they are first used. All of them have
types, and errors in a request are a `ValueError` with one line that says what is wrong.

This page is made from the docstrings: `python -m attnctl.api.reference > docs/api.md`.
"""


def reference() -> str:
    """The page: the functions in the order of their use, then the classes of what they return."""
    classes = [name for name in vars(attnctl)["_MODULES"] if inspect.isclass(getattr(attnctl, name))]
    parts = [_TITLE, *(_function(f"attnctl.{name}", getattr(attnctl, name), "##") for name in _FUNCTIONS)]
    parts += [_class(f"attnctl.{name}", getattr(attnctl, name)) for name in classes]
    return "\n".join(parts)


def _function(name: str, function: Any, heading: str) -> str:
    return f"{heading} {name}\n\n```python\n{_signature(name, function)}\n```\n\n{_text(function)}\n"


def _class(name: str, kind: type) -> str:
    parts = [f"## {name}\n\n{_text(kind)}\n"]
    if dataclasses.is_dataclass(kind):
        fields = [item for item in dataclasses.fields(kind) if not item.name.startswith("_")]
        parts.append("```python\n" + "\n".join(f"{item.name}: {_plain(item.type)}" for item in fields) + "\n```\n")
    for member, value in _members(kind):
        if isinstance(value, property | cached_property):
            function = value.fget if isinstance(value, property) else value.func
            kind_of = _plain(inspect.signature(function).return_annotation) if function is not None else ""
            parts.append(f"### {name}.{member}: {kind_of}\n\n{_text(value)}\n")
        else:
            parts.append(_function(f"{name}.{member}", value, "###"))
    return "\n".join(parts)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that the class itself defines, without those that make it."""
    for name, value in vars(kind).items():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property | cached_property)):
            yield name, value


def _signature(name: str, function: Any) -> str:
    """The signature, each parameter on a line of its own if it is long."""
    found = inspect.signature(function)
    parameters = [item for item in found.parameters.values() if item.name != "self"]
    shown = found.replace(
        parameters=[item.replace(annotation=_Shown.of(item.annotation)) for item in parameters],
        return_annotation=_Shown.of(found.return_annotation),
    )
    line = f"{name}{shown}"
    if len(line) <= 100:
        return line
    star = next((k for k, item in enumerate(parameters) if item.kind is item.KEYWORD_ONLY), None)
    words = [str(item) for item in shown.parameters.values()]
    lines = [*words[:star], "*", *words[star:]] if star is not None else words
    return f"{name}(\n" + "".join(f"    {word},\n" for word in lines) + f") -> {_plain(found.return_annotation)}"


class _Shown:
    """An annotation that is printed as it is written."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def of(cls, annotation: Any) -> Any:
        return annotation if annotation is inspect.Signature.empty else cls(_plain(annotation))

    def __repr__(self) -> str:
        return self._text


def _plain(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _text(documented: Any) -> str:
    """The docstring as Markdown: paragraphs, and the example as code."""
    text = inspect.getdoc(documented) or ""
    before, found, example = text.partition("\nExample:\n")
    code = f"\n\n```python\n{textwrap.dedent(example).rstrip()}\n```" if found else ""
    return re.sub(r"`attnctl\.(\w+)`", r"[`attnctl.\1`](#attnctl\1)", before.rstrip()) + code


if __name__ == "__main__":
    sys.stdout.write(reference())
