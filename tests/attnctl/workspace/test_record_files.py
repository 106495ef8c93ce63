"""The files in a folder of a workspace, and the records in them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from attnctl.workspace import record_files
from attnctl.workspace.layout import skip_unreadable
from attnctl.workspace.records import Exit, RecordError


def test_json_files_are_found_by_name_without_unfinished_ones(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".c.json", "d.txt", "exit.0.json"):
        (tmp_path / name).write_text("")
    assert record_files.json_names(tmp_path) == ["a", "b", "exit.0"]
    assert record_files.json_names(tmp_path, ["z.json", "y", ".x.json"]) == ["z"]
    assert record_files.json_files(tmp_path, "exit.") == [tmp_path / "exit.0.json"]


@pytest.mark.parametrize("folder", ["missing", "file", "file/below"])
def test_a_folder_that_is_not_there_has_no_names(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert record_files.names_in(tmp_path / folder) == []
    assert record_files.readable(Exit, tmp_path / folder, skip_unreadable) == []


def test_numbers_are_sorted_as_numbers() -> None:
    assert record_files.numbered(["10", "9", "observed", "request.json", "01", "-1"]) == [1, 9, 10]


def test_each_unreadable_record_is_handled_and_the_others_are_read(tmp_path: Path) -> None:
    for rank in (0, 1, 2):
        (tmp_path / f"exit.{rank}.json").write_bytes(Exit(rank=rank, at=1.0, outcome="completed").encode())
    (tmp_path / "exit.1.json").write_bytes(b"{")
    (tmp_path / "other.json").write_bytes(b"{")

    def read(names: list[str] | None = None) -> list[int]:
        return [item.rank for item in record_files.readable(Exit, tmp_path, skip_unreadable, "exit.", names)]

    assert read() == [0, 2]
    assert read(["exit.2.json", "exit.5.json"]) == [2]  # listed before; one is gone since
    with pytest.raises(RecordError, match=str(tmp_path / "exit.1.json")):
        record_files.readable(Exit, tmp_path, nullcontext)
