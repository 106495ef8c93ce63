"""What commands print: tables for pipes and terminals, and nothing in colour where none is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli import output
from attnctl.cli.table_layout import Column
from tests.attnctl.cli.cli_run import on_a_terminal


def test_tables_in_a_pipe_are_aligned_and_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    output.table((Column("a"), Column("b")), [["x" * 300, "1"], ["日本", "line\nbreak\x1b[31m"]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].index("b") == lines[1].index("1") == 302
    assert lines[2].endswith("line\\nbreak\\x1b[31m")


def test_no_color_reaches_the_terminal_without_colours(folder: Path) -> None:
    shown = on_a_terminal(["modules"], {"NO_COLOR": "1"})
    assert "─" in shown
    assert "\x1b[3" not in shown
    assert "\x1b[" in on_a_terminal(["--help"], {})
