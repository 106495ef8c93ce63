"""The output formats by name, and by the ending of a file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from attnctl.values import SpecError, did_you_mean, listed
from reports.table import Table


@dataclass(frozen=True)
class Format:
    """renderer: `module:function`, a function from a table to text; imported when it is used."""

    renderer: str
    endings: tuple[str, ...]

    def render(self, table: Table) -> str:
        """The table in this format."""
        module, _, name = self.renderer.partition(":")
        function: Callable[[Table], str] = getattr(import_module(module), name)
        return function(table)


FORMATS: Mapping[str, Format] = {
    "terminal": Format("reports.terminal:render", (".txt",)),
    "markdown": Format("reports.markdown:render", (".md", ".markdown")),
    "latex": Format("reports.latex:render", (".tex",)),
    "csv": Format("reports.tabular:render_csv", (".csv",)),
    "json": Format("reports.tabular:render_json", (".json",)),
}


def named(name: str) -> Format:
    """The format of that name; raises SpecError."""
    if name not in FORMATS:
        raise SpecError(f"unknown format {name!r}{did_you_mean(name, FORMATS)}")
    return FORMATS[name]


def of_file(path: Path) -> Format:
    """The format that a file's ending asks for; raises SpecError."""
    for found in FORMATS.values():
        if path.suffix.lower() in found.endings:
            return found
    endings = listed(ending for found in FORMATS.values() for ending in found.endings)
    raise SpecError(f"{path}: no format goes with the ending {path.suffix!r}; give --format, or one of {endings}")
