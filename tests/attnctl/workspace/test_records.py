"""The records of a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.workspace.records import Exit, RecordError, read_events


@given(st.builds(Exit, rank=st.integers(0, 99), at=st.floats(0, 1e10), outcome=st.text(), message=st.text()))
def test_records_round_trip(record: Exit) -> None:
    assert Exit.decode(record.encode()) == record


def test_a_field_of_a_newer_release_is_ignored_and_a_broken_record_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "exit.0.json"
    path.write_text('{"rank": 0, "at": 1.0, "outcome": "completed", "colour": "red"}')
    assert Exit.read(path) == Exit(rank=0, at=1.0, outcome="completed")
    for broken in ("", "{", "[]", "null", '{"rank": 0}', '"x"'):
        path.write_text(broken)
        with pytest.raises(RecordError, match=r"exit\.0\.json is not a Exit record"):
            Exit.read(path)
    assert Exit.read(tmp_path / "no" / "such") is None


def test_an_incomplete_event_line_is_skipped() -> None:
    data = b'{"kind": "progress", "step": 1}\n[1]\n{"x": 1}\n\xff\n{"kind": "metrics", "st'
    assert list(read_events(data)) == [{"kind": "progress", "step": 1}]
