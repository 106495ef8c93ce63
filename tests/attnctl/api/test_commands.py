"""What commands print becomes values, and their errors exceptions."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from attnctl.api import commands
from attnctl.values import SpecError


def test_the_answer_is_what_the_command_prints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = gc.get_threshold()
    answer = commands.run(["modules", "ela"], folder)
    assert "ela" in str(answer.document)
    assert capsys.readouterr() == ("", "")
    assert gc.get_threshold() == before


def test_an_invalid_request_raises_with_the_message_of_the_command(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"^unknown module 'elaa'"):
        commands.run(["modules", "elaa"], folder)
