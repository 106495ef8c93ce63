"""Checks for the values of a settings file, with errors that name the file, the line and the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl import lines
from attnctl.values import SpecError, did_you_mean


class ConfigError(SpecError):
    """attnctl.toml or the named workspace is invalid; the message has file, line and key."""


@dataclass(frozen=True)
class SectionReader:
    """Checks values of one settings file. source: its text."""

    file: Path
    source: str

    def path(self, value: Any, section: str, key: str) -> Path:
        """The value as a folder, relative to the folder of the file; raises ConfigError."""
        text = self.typed(value, str, section, key)
        if not text or "\0" in text:
            raise self.error(section, key, "must be a folder")
        return (self.file.parent / Path(text).expanduser()).resolve()

    def typed(self, value: Any, kind: type, section: str, key: str) -> Any:
        """The value, if it has exactly that type; raises ConfigError."""
        if type(value) is not kind:
            kinds = {
                str: "text in quotes",
                int: "a whole number",
                bool: "true or false",
                list: "a list",
                dict: "a section",
            }
            raise self.error(section, key, f"must be {kinds[kind]}")
        return value

    def check_keys(self, values: Mapping[str, Any], allowed: tuple[str, ...], section: str) -> None:
        """Raise ConfigError for a key that is not allowed."""
        for key in values:
            if key not in allowed:
                kind = f"key of [{section}]" if section else "section"
                raise self.error(section, key, f"is not a {kind}{did_you_mean(key, allowed)}")

    def error(self, section: str, key: str, problem: str) -> ConfigError:
        """The error for one key. problem: continues the sentence that begins with the key."""
        return self.located(section, key, f"{key} {problem}")

    def located(self, section: str, key: str, text: str) -> ConfigError:
        """The error that is this text, at the line of a key."""
        return ConfigError(f"{self.file}:{self.line(section, key)}: {text}")

    def line(self, section: str, key: str) -> int:
        """The line number of a key, or of its section if the key is missing."""
        return lines.line_of(self.source, (*filter(None, section.split(".")), key))
