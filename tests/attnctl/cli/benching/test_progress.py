"""The progress of `attnctl bench` in a pipe."""

from __future__ import annotations

import pytest

from attnctl.cli.benching.progress import display


def test_a_pipe_has_a_line_at_the_start_and_at_the_end_of_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    with display(["first", "second", "third"], rounds=2, done=1) as report:
        for name in ("second", "third"):
            for rounds in (0, 1, 2):
                report(name, rounds)
    assert capsys.readouterr().err.splitlines() == [
        "[1/3] second: starting",
        "[2/3] second: measured",
        "[2/3] third: starting",
        "[3/3] third: measured",
    ]
