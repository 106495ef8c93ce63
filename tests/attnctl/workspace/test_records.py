"""The records of a workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.workspace.records import Exit, Record, RecordError, Request, Speed, Submission, Sweep, read_events


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


@pytest.mark.parametrize("value", [[], ["c"], {}, {"a": 1}])
def test_a_speed_whose_hyperparameters_are_not_plain_values_is_refused(value: object) -> None:
    """Speeds are found by their hyperparameters, so that these must be hashable."""
    record: dict[str, Any] = {
        "at": 1.0,
        "device": "cpu",
        "module": "ela",
        "hyperparameters": {"kernel": 7, "groups": "c"},
    }
    record |= {"backbone": "resnet20", "placement": "block", "dataset": "digits", "input_size": 32, "batch": 1}
    record |= {"precision": "fp32", "compiled": False, "seconds": 0.2, "spread": 0.1, "plain_seconds": 0.1}
    assert hash(Speed.decode(json.dumps(record)).network)
    record["hyperparameters"]["shared"] = value
    with pytest.raises(RecordError, match="hyperparameters is"):
        Speed.decode(json.dumps(record))


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc/passwd", "../../x", "a\0b", "x" * 201])
def test_a_record_whose_names_lead_elsewhere_is_refused(name: str) -> None:
    task: dict[str, Any] = {"created": 1.0, "host": "login", "pid": 1, "where": "slurm"}
    records: list[tuple[type[Record], dict[str, Any]]] = [
        (Request, {**task, "tag": name, "user": "ada", "nonce": "n"}),
        (Submission, {**task, "tag": name, "tasks": [], "specs": {}}),
        (Submission, {**task, "tag": "tag", "tasks": [[name, 1]], "specs": {}}),
        (Submission, {**task, "tag": "tag", "tasks": [], "specs": {name: {}}}),
        (Sweep, {"name": name, "created": 1.0, "command": [], "runs": []}),
        (Sweep, {"name": "first", "created": 1.0, "command": [], "runs": [name]}),
    ]
    if name:
        records.append((Request, {**task, "tag": "tag", "user": "ada", "nonce": "n", "base": name}))
    for kind, document in records:
        with pytest.raises(RecordError, match="cannot be the name of a file"):
            kind.decode(json.dumps(document))


def test_an_incomplete_event_line_is_skipped() -> None:
    data = b'{"kind": "progress", "step": 1}\n[1]\n{"x": 1}\n\xff\n{"kind": "metrics", "st'
    assert list(read_events(data)) == [{"kind": "progress", "step": 1}]
