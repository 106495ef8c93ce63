"""A paper's TOML as sections with declared keys; every error names the line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnctl import lines
from attnctl.papers import kinds
from attnctl.papers.kinds import Kind
from attnctl.values import SpecError, comma_join, did_you_mean


class Document:
    """A file's text and its values (`root`). All errors are SpecErrors such as `my.toml:12: table 2, row 'X': ...`."""

    def __init__(self, source: str, name: str) -> None:
        self._source = source
        self._name = name
        self.root = lines.parsed(source, name)

    def error(self, path: lines.Path, message: str) -> SpecError:
        """The error for the value at these keys."""
        location = self._location(path)
        line = lines.line_of(self._source, path)
        return SpecError(f"{self._name}:{line}: {f'{location}: ' if location else ''}{message}")

    def contains(self, path: lines.Path) -> bool:
        """Whether the document has a value at these keys."""
        value: Any = self.root
        for key in path:
            try:
                value = value[key]
            except (LookupError, TypeError):
                return False
        return True

    def section(
        self, path: lines.Path, section: Any, kinds_by_key: Mapping[str, Kind], required: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The converted values of a section; raises SpecError for unknown keys and missing required ones."""
        self.value(path, kinds.section, section)
        for key in section:
            if key not in kinds_by_key:
                raise self.error((*path, key), f"unknown key {key!r}{did_you_mean(key, kinds_by_key)}")
        if missing := [key for key in required if key not in section]:
            raise self.error(path, f"lacks {comma_join(missing)}")
        return {key: self.value((*path, key), kinds_by_key[key], value) for key, value in section.items()}

    def value(self, path: lines.Path, kind: Kind, value: Any) -> Any:
        """One converted value."""
        try:
            return kind(value)
        except kinds.InsideError as error:
            raise self.error((*path, error.key), f"{error.key} in {path[-1]} {error}") from error
        except ValueError as error:
            raise self.error(path, f"{path[-1] if path else 'the file'} {error}") from error

    def _location(self, path: lines.Path) -> str:
        """Such as `table 2, row 'ResNet50'` or `claim 3`."""
        kind, *rest = path or ("",)
        if kind == "claims" and rest and isinstance(rest[0], int):
            return f"claim {rest[0] + 1}"
        if kind not in {"tables", "figures"} or not rest:
            return ""
        title = f"{str(kind).removesuffix('s')} {rest[0]}"
        match rest[1:]:
            case ["rows", int(index), *_] if kind == "tables":
                return f"{title}, row {self._name_of(path[:4], 'row', index)}"
            case ["bases", int(index), *_]:
                return f"{title}, base {self._name_of(path[:4], 'row', index)}"
            case ["columns", int(index), *_]:
                return f"{title}, column {self._name_of(path[:4], 'key', index)}"
            case ["on", str(group), *_]:
                return f"{title}, on.{group}"
            case _:
                return title

    def _name_of(self, path: lines.Path, key: str, index: int) -> str:
        """The name of a row or column, else its number."""
        value: Any = self.root
        for step in path:
            value = value[step]
        name = value.get(key) if isinstance(value, dict) else None
        return repr(name) if isinstance(name, str) else str(index + 1)
