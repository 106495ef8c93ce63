"""Requests that a process of its own answers: what it prints, raises and dies of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl import sources
from attnctl.sources import isolated
from attnctl.values import SpecError

HEAD = """
import os, signal, sys, time
from attnctl.sources import isolated
from attnctl.values import SpecError

def answer(request, folder):
"""
TAIL = """

isolated.serve(answer)
"""


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Asks a process with this body of a function: its answer."""

    def asked(
        body: str, request: dict[str, Any] | None = None, versions: tuple[str, ...] = (), seconds: float = 60.0
    ) -> dict[str, Any]:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (tmp_path / "answering.py").write_text(HEAD + lines + TAIL)
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        what = "the test of it"
        return isolated.ask("answering", request or {}, versions, what=what, seconds=seconds, environment=environment)

    return asked


def test_the_answer_is_received_even_if_users_code_prints(
    ask: Callable[..., dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    body = "print('noise', flush=True)\nos.write(1, b'more noise')\nreturn {'twice': 2 * request['number']}"
    assert ask(body, {"number": 21}) == {"twice": 42}
    assert capfd.readouterr().out == ""


def test_users_files_are_stored_beside_the_request(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("VALUE = 1\n")
    version = sources.read(file).version
    found = ask("return {'names': sorted(path.name for path in (folder / 'sources').iterdir())}", versions=(version,))
    assert found == {"names": [version.removeprefix("ast:")]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SpecError('kernel must be odd, 1-63 (got 4)')", "kernel must be odd, 1-63 (got 4)"),
        ("raise ValueError('no')", "ValueError: no"),
        ("sys.exit('goodbye')", "the test of it ended its process with exit code 1: goodbye"),
        ("os._exit(7)", "the test of it ended its process with exit code 7: it left no message; was it out of memory?"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the test of it ended its process with exit code -9"),
        ("print('last words')\nsys.stdout.flush()\nos._exit(3)", "with exit code 3: last words"),
    ],
)
def test_a_process_that_does_not_answer_is_an_error_with_a_reason(
    ask: Callable[..., dict[str, Any]], body: str, words: str
) -> None:
    with pytest.raises(SpecError) as caught:
        ask(body)
    assert words in str(caught.value)


def test_a_process_that_takes_too_long_is_stopped(ask: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(SpecError, match="the test of it did not finish within 1 s"):
        ask("time.sleep(600)", seconds=1.0)
