"""Names, tags and notes: what may be one, and what becomes of two versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.values import SpecError
from attnctl.workspace import annotations
from attnctl.workspace.annotations import Annotation
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

RUN, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_an_annotation_is_read_as_written_and_an_empty_one_leaves_no_file(tmp_path: Path) -> None:
    path = annotations.of_run(Workspace(tmp_path), RUN)
    assert annotations.read(path) == annotations.NOTHING
    written = Annotation(name="best", tags=["a", "b"], note="fine", at=5.0, user="ada")
    annotations.write(path, written)
    assert annotations.read(path) == written
    annotations.write(path, Annotation(at=6.0))
    assert not path.exists()
    annotations.write(path, annotations.NOTHING)


def test_the_tags_of_a_sweep_count_for_its_runs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    annotations.write(annotations.of_run(workspace, RUN), Annotation(tags=["mine"]))
    annotations.write(annotations.of_sweep(workspace, "first"), Annotation(tags=["all"]))
    assert annotations.tags(workspace, {"first": [RUN, OTHER]}) == {RUN: ["all", "mine"], OTHER: ["all"]}
    assert annotations.tags(workspace, {}) == {RUN: ["mine"]}


def test_two_versions_unite_alike_in_either_direction() -> None:
    old = Annotation(name="old", tags=["a"], note="first", at=1.0)
    new = Annotation(tags=["b"], note="second", at=2.0)
    assert old.united(new) == new.united(old) == Annotation(name="old", tags=["a", "b"], note="second", at=2.0)


@pytest.mark.parametrize("data", [b"{", b'{"tags": ["a b"]}', b'{"name": "3fa2"}', b'{"name": "../x"}', b'{"tags": 1}'])
def test_a_damaged_file_is_skipped_where_all_are_read(tmp_path: Path, data: bytes) -> None:
    workspace = Workspace(tmp_path)
    path = annotations.of_run(workspace, RUN)
    annotations.write(annotations.of_run(workspace, OTHER), Annotation(note="x"))
    path.write_bytes(data)
    with pytest.raises(RecordError):
        annotations.read(path)
    assert list(annotations.runs(workspace)) == [OTHER]


@pytest.mark.parametrize("tag", ["", "a b", "-x", "a,b", "x" * 51, "\x1b[31m", "a/b"])
def test_a_tag_is_a_word(tag: str) -> None:
    with pytest.raises(SpecError, match="invalid tag"):
        annotations.check_tag(tag)


@pytest.mark.parametrize("name", ["", "3fa2", "abc", "a b", "../x", "x" * 101])
def test_the_name_of_a_run_is_no_beginning_of_an_id(name: str) -> None:
    with pytest.raises(SpecError, match="invalid name"):
        annotations.check_run_name(name)


def test_a_note_is_one_line_of_printable_text() -> None:
    assert annotations.check_note(" lr  too\nhigh ") == "lr too high"
    for text in ("x" * 2001, "\x1b[31m"):
        with pytest.raises(SpecError, match="a note is text"):
            annotations.check_note(text)
