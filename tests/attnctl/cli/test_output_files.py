"""Files and folders that commands write: whether they can be written is known before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnctl.cli.output_files import MARK, check_file, check_folder, check_place, tracked
from attnctl.values import SpecError


def test_a_new_file_can_be_written(tmp_path: Path) -> None:
    check_file(tmp_path / "new.csv", force=False)


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path) -> None:
    file = tmp_path / "there.csv"
    file.write_text("mine")
    with pytest.raises(SpecError, match="--force"):
        check_file(file, force=False)
    check_file(file, force=True)
    assert file.read_text() == "mine", "nothing is written by the check"


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SpecError):
            check_file(path, force=True)


@pytest.mark.parametrize("name", ["no/such/folder.csv", "x" * 201, "a\nb", "a\x1bb"])
def test_a_name_that_cannot_be_a_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        check_place(tmp_path / name)
    assert str(error.value).isprintable()


def test_a_folder_may_be_new_or_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", force=False)
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty", force=False)


def test_only_a_folder_of_an_earlier_export_is_replaced_and_only_when_forced(tmp_path: Path) -> None:
    export, foreign = tmp_path / "export", tmp_path / "foreign"
    for folder, name in ((export, MARK), (foreign, "thesis.tex")):
        folder.mkdir()
        (folder / name).write_text("{}")
    check_folder(export, force=True)
    with pytest.raises(SpecError, match="--force"):
        check_folder(export, force=False)
    with pytest.raises(SpecError, match="name another folder"):
        check_folder(foreign, force=True)


def test_without_a_terminal_items_are_passed_on_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked(range(20), "packing")) == list(range(20))
    assert capsys.readouterr() == ("", "")
