"""Whole outputs of three tables in every format. After a change that is meant, look at the new ones and keep them:

ATTNCTL_GOLDEN=write python -m pytest tests/reports/test_snapshots.py
"""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from attnctl.reports import formats, terminal
from attnctl.reports.table import Origin, Plot
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


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_the_output_is_the_one_that_was_looked_at(table, output):
    name, variant = OUTPUTS[output]
    hold(f"{table}.{output}", formats.named(name, variant).render(TABLES[table](), ORIGINS, PLOTS))


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_what_was_looked_at(width):
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system="standard")
    console.print(terminal.renderable(published()))
    hold(f"published.terminal-{width}.txt", stream.getvalue())


def hold(name, text):
    path = SNAPSHOTS / name
    if os.environ.get("ATTNCTL_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    assert path.read_bytes().decode() == text
