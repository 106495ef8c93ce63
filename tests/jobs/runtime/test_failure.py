"""How far a rank came, and how it ended."""

from __future__ import annotations

import pytest

from attnctl.jobs.runtime.failure import Failure, code_error


def failed(error: Exception) -> Failure:
    with pytest.raises(type(error)) as raised:
        raise error
    return code_error(raised.value)


def test_a_failure_contains_the_errors_type_first_line_and_traceback() -> None:
    found = failed(RuntimeError("shapes do not fit\nmore of it"))
    assert (found.outcome, found.message, found.secondary) == ("error", "RuntimeError: shapes do not fit", False)
    assert "test_failure.py" in found.traceback
    assert found.traceback.endswith("more of it")


def test_an_error_without_a_message_is_described_by_its_type() -> None:
    assert failed(KeyError()).message == "KeyError: no message"


def test_a_long_message_and_a_deep_traceback_are_shortened() -> None:
    def sink(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 10_000)
        sink(depth - 1)

    with pytest.raises(ValueError, match="x") as raised:
        sink(50)
    found = code_error(raised.value)
    assert len(found.message) < 600
    assert len(found.traceback.splitlines()) <= 20
