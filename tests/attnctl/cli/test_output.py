"""What commands print: tables for pipes and terminals, and nothing in colour where none is wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attnctl.cli import output
from attnctl.cli.table_layout import Column


def test_tables_for_a_pipe_are_aligned_and_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
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


def on_a_terminal(words: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal of its own."""
    import pty

    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "attnctl", *words],
        stdout=terminal,
        stderr=terminal,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            block = os.read(main, 4096)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not block:
            break
        shown += block
    os.close(main)
    assert process.wait() == 0
    return shown.decode()
