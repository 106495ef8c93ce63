"""The registry of formats, and whole outputs of three tables in every format.

After a change that is meant, look at the new outputs and keep them:

    ATTNCTL_GOLDEN=write python -m pytest tests/reports/test_formats.py
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from attnctl.reports import formats, latex, macros, terminal
from attnctl.reports.table import Origin, Plot
from attnctl.values import SpecError
from tests.reports.report_tables import comparison, hostile, published

SNAPSHOTS = Path(__file__).with_name("snapshots")
TABLES = {"comparison": comparison, "published": published, "hostile": hostile}
ORIGINS = [Origin(run="0a1b", facts=(("backbone", "resnet50"), ("commit", "9748be4")))]
PLOTS = [Plot(title="Top-1", svg='<svg viewBox="0 0 9 9"><path d="M0 0L9 9"/></svg>')]

OUTPUTS = {
    **{format_.endings[0].lstrip("."): (name, "") for name, format_ in formats.FORMATS.items()},
    "standalone.tex": ("latex", "standalone"),
    "macros.tex": ("latex", "macros"),
}


def test_the_format_follows_the_ending(tmp_path: Path) -> None:
    assert formats.of_file(tmp_path / "x.TEX") is formats.FORMATS["latex"]
    assert formats.of_file(tmp_path / "x.htm") is formats.FORMATS["html"]
    with pytest.raises(SpecError, match=r"unknown suffix '\.pdf'"):
        formats.of_file(tmp_path / "x.pdf")
    with pytest.raises(SpecError, match="did you mean 'latex'"):
        formats.named("late")


def test_latex_has_variants_and_others_have_not(tmp_path: Path) -> None:
    assert formats.named("latex", "standalone").render(comparison()) == latex.render_standalone(comparison())
    assert formats.of_file(tmp_path / "x.tex", "macros").render(comparison()) == macros.render(comparison())
    with pytest.raises(SpecError, match="--macros applies to latex, not to csv"):
        formats.of_file(tmp_path / "x.csv", "macros")


@pytest.mark.parametrize("name", formats.FORMATS)
def test_origins_and_plots_affect_only_pages(name: str) -> None:
    format_ = formats.named(name)
    origins = [Origin(run="0a1b", facts=(("commit", "9748be4"),))]
    plots = [Plot(title="A plot", svg="<svg></svg>")]
    made = format_.render(comparison(), origins, plots)
    if name == "html":
        assert "9748be4" in made
        assert "A plot" in made
    else:
        assert made == format_.render(comparison())


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_the_drawn_output_is_the_inspected_one(table: str, output: str) -> None:
    name, variant = OUTPUTS[output]
    hold(f"{table}.{output}", formats.named(name, variant).render(TABLES[table](), ORIGINS, PLOTS))


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_the_drawn_images(width: int) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system="standard")
    console.print(terminal.renderable(published()))
    hold(f"published.terminal-{width}.txt", stream.getvalue())


def hold(name: str, text: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("ATTNCTL_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    assert path.read_bytes().decode() == text
