"""A paper's TOML as sections with declared keys; every error names the line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnctl import lines
from attnctl.papers import kinds
from attnctl.papers.kinds import Kind
from attnctl.values import SpecError, comma_join, did_you_mean


class Document:
    """A file's text. root: its values. Everything raises SpecError: `my.toml:12: table 2, row 'X': ...`."""

    def __init__(self, source: str, name: str) -> None:
        self._source = source
        self._name = name
        self.root = lines.parsed(source, name)

    def error(self, path: lines.Path, words: str) -> SpecError:
        """The error for the value at these keys."""
        place = self._place(path)
        line = lines.line_of(self._source, path)
        return SpecError(f"{self._name}:{line}: {f'{place}: ' if place else ''}{words}")

    def has(self, path: lines.Path) -> bool:
        """Whether there is a value."""
        found: Any = self.root
        for key in path:
            try:
                found = found[key]
            except (LookupError, TypeError):
                return False
        return True

    def section(
        self, path: lines.Path, section: Any, known: Mapping[str, Kind], required: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The converted values of a section; raises for unknown keys and for missing required ones."""
        self.value(path, kinds.section, section)
        for key in section:
            if key not in known:
                raise self.error((*path, key), f"unknown key {key!r}{did_you_mean(key, known)}")
        if missing := [key for key in required if key not in section]:
            raise self.error(path, f"lacks {comma_join(missing)}")
        return {key: self.value((*path, key), known[key], value) for key, value in section.items()}

    def value(self, path: lines.Path, kind: Kind, value: Any) -> Any:
        """One converted value."""
        try:
            return kind(value)
        except kinds.InsideError as error:
            raise self.error((*path, error.key), f"{error.key} in {path[-1]} {error}") from error
        except ValueError as error:
            raise self.error(path, f"{path[-1] if path else 'the file'} {error}") from error

    def _place(self, path: lines.Path) -> str:
        """Such as `table 2, row 'ResNet50'`."""
        kind, *rest = path or ("",)
        if kind not in {"tables", "figures"} or not rest:
            return ""
        words = f"{str(kind).removesuffix('s')} {rest[0]}"
        match rest[1:]:
            case ["rows", int(index), *_] if kind == "tables":
                return f"{words}, row {self._called(path[:4], 'row', index)}"
            case ["columns", int(index), *_]:
                return f"{words}, column {self._called(path[:4], 'key', index)}"
            case ["on", str(group), *_]:
                return f"{words}, on.{group}"
            case _:
                return words

    def _called(self, path: lines.Path, key: str, index: int) -> str:
        """The name of a row or column, or which one it is."""
        found: Any = self.root
        for part in path:
            found = found[part]
        name = found.get(key) if isinstance(found, dict) else None
        return repr(name) if isinstance(name, str) else str(index + 1)
