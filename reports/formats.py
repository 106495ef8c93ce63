"""The output formats by name, and by the ending of a file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl.reports.table import Origin, Plot, ReportTable
from attnctl.values import SpecError, comma_join, did_you_mean

if TYPE_CHECKING:
    from attnctl.reports.latex import Layout


@dataclass(frozen=True)
class Format:
    """renderer: `module:function`, a function from a table to text; imported when it is used."""

    renderer: str
    endings: tuple[str, ...]
    page: bool = False
    """Whether it shows origins and plots too: the renderer then takes them after the table."""
    several: bool = False
    """Whether a file can hold several tables, one after the other."""
    layout: Layout | None = None
    """Of LaTeX: how the table stands in the document."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Other renderers by the name of the option that asks for them."""

    read: bool = True
    """Whether people read it, as opposed to programs."""

    @property
    def printed(self) -> bool:
        """Whether it is LaTeX's table, for a page."""
        return self.renderer.startswith("attnctl.reports.latex:")

    def render(self, table: ReportTable, origins: Sequence[Origin] = (), plots: Sequence[Plot] = ()) -> str:
        """The table in this format. origins, plots: for a page; other formats leave them out."""
        module, _, name = self.renderer.partition(":")
        function: Callable[..., str] = getattr(import_module(module), name)
        if self.layout is not None:
            return function(table, self.layout)
        return function(table, origins, plots) if self.page else function(table)


FORMATS: Mapping[str, Format] = {
    "terminal": Format("attnctl.reports.terminal:render", (".txt",), several=True),
    "markdown": Format("attnctl.reports.markdown:render", (".md", ".markdown"), several=True),
    "latex": Format(
        "attnctl.reports.latex:render",
        (".tex",),
        several=True,
        variants={"standalone": "attnctl.reports.latex:render_standalone", "macros": "attnctl.reports.macros:render"},
    ),
    "html": Format("attnctl.reports.html:render", (".html", ".htm"), page=True),
    "csv": Format("attnctl.reports.tabular:render_csv", (".csv",), read=False),
    "json": Format("attnctl.reports.tabular:render_json", (".json",), read=False),
}


def named(name: str, variant: str = "") -> Format:
    """The format of that name. variant: such as `standalone`, LaTeX that compiles as it is. Raises SpecError."""
    if name not in FORMATS:
        raise SpecError(f"unknown format {name!r}{did_you_mean(name, FORMATS)}")
    found = FORMATS[name]
    if not variant:
        return found
    if variant not in found.variants:
        having = comma_join(other for other, form in FORMATS.items() if variant in form.variants)
        raise SpecError(f"--{variant} applies to {having or 'no format'}, not to {name}")
    return replace(found, renderer=found.variants[variant], several=False)


def of_file(path: Path, variant: str = "") -> Format:
    """The format that a file's ending asks for; variant as in `named`. Raises SpecError."""
    for name, found in FORMATS.items():
        if path.suffix.lower() in found.endings:
            return named(name, variant)
    endings = comma_join(ending for found in FORMATS.values() for ending in found.endings)
    raise SpecError(f"{path}: unknown suffix {path.suffix!r}; use --format or one of {endings}")
