"""Reading a settings file by its parts: every complaint names the file, the line and the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl import lines
from attnctl.values import SpecError, did_you_mean


class ConfigError(SpecError):
    """A fault of attnctl.toml or of the workspace that was named; the message has file, line and key."""


@dataclass(frozen=True)
class Located:
    """A settings file and its text."""

    file: Path
    source: str

    def path(self, value: Any, section: str, key: str) -> Path:
        """The value as a folder, relative to the file's own; raises ConfigError."""
        text = self.typed(value, str, section, key)
        if not text or "\0" in text:
            raise self.error(section, key, "must be a folder")
        return (self.file.parent / Path(text).expanduser()).resolve()

    def typed(self, value: Any, kind: type, section: str, key: str) -> Any:
        """The value, if it is of that kind; raises ConfigError."""
        if type(value) is not kind:
            words = {
                str: "text in quotes",
                int: "a whole number",
                bool: "true or false",
                list: "a list",
                dict: "a section",
            }
            raise self.error(section, key, f"must be {words[kind]}")
        return value

    def known(self, values: Mapping[str, Any], known: tuple[str, ...], section: str) -> None:
        """Raise ConfigError for a key that is none of the known ones."""
        for key in values:
            if key not in known:
                kind = f"key of [{section}]" if section else "section"
                raise self.error(section, key, f"is not a {kind}{did_you_mean(key, known)}")

    def error(self, section: str, key: str, words: str) -> ConfigError:
        """A complaint about one key."""
        return ConfigError(f"{self.file}:{self.line(section, key)}: {key} {words}")

    def line(self, section: str, key: str) -> int:
        """The line on which a key, or else its section, stands."""
        return lines.of(self.source, (*filter(None, section.split(".")), key))
