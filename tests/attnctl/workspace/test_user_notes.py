"""Names, tags and notes: what may be one, and what becomes of two versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.values import SpecError
from attnctl.workspace import user_notes
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError
from attnctl.workspace.user_notes import Annotation

RUN, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_an_annotation_is_read_as_written_and_an_empty_one_leaves_no_file(tmp_path: Path) -> None:
    path = user_notes.of_run(Workspace(tmp_path), RUN)
    assert user_notes.read(path) == user_notes.NOTHING
    written = Annotation(name="best", tags=["a", "b"], note="fine", at=5.0, user="ada")
    user_notes.write(path, written)
    assert user_notes.read(path) == written
    user_notes.write(path, Annotation(at=6.0))
    assert not path.exists()
    user_notes.write(path, user_notes.NOTHING)


def test_the_tags_of_a_sweep_count_for_its_runs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    user_notes.write(user_notes.of_run(workspace, RUN), Annotation(tags=["mine"]))
    user_notes.write(user_notes.of_sweep(workspace, "first"), Annotation(tags=["all"]))
    assert user_notes.tags(workspace, {"first": [RUN, OTHER]}) == {RUN: ["all", "mine"], OTHER: ["all"]}
    assert user_notes.tags(workspace, {}) == {RUN: ["mine"]}


def test_two_versions_unite_alike_in_either_direction() -> None:
    old = Annotation(name="old", tags=["a"], note="first", at=1.0)
    new = Annotation(tags=["b"], note="second", at=2.0)
    assert old.united(new) == new.united(old) == Annotation(name="old", tags=["a", "b"], note="second", at=2.0)


@pytest.mark.parametrize("data", [b"{", b'{"tags": ["a b"]}', b'{"name": "3fa2"}', b'{"name": "../x"}', b'{"tags": 1}'])
def test_a_damaged_file_is_skipped_where_all_are_read(tmp_path: Path, data: bytes) -> None:
    workspace = Workspace(tmp_path)
    path = user_notes.of_run(workspace, RUN)
    user_notes.write(user_notes.of_run(workspace, OTHER), Annotation(note="x"))
    path.write_bytes(data)
    with pytest.raises(RecordError):
        user_notes.read(path)
    assert list(user_notes.runs(workspace)) == [OTHER]


@pytest.mark.parametrize("tag", ["", "a b", "-x", "a,b", "x" * 51, "\x1b[31m", "a/b"])
def test_a_tag_is_a_word(tag: str) -> None:
    with pytest.raises(SpecError, match="invalid tag"):
        user_notes.check_tag(tag)


@pytest.mark.parametrize("name", ["", "3fa2", "abc", "a b", "../x", "x" * 101])
def test_the_name_of_a_run_is_no_beginning_of_an_id(name: str) -> None:
    with pytest.raises(SpecError, match="invalid name"):
        user_notes.check_run_name(name)


def test_a_note_is_one_line_of_printable_text() -> None:
    assert user_notes.check_note(" lr  too\nhigh ") == "lr too high"
    for text in ("x" * 2001, "\x1b[31m"):
        with pytest.raises(SpecError, match="a note is text"):
            user_notes.check_note(text)
