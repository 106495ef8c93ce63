from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from attnctl.datasets import Archive, DataFile, Dataset, describe
from attnctl.jobs.data.archive import unpack
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.fetch import fetch
from tests.jobs.data.published import write_tar

FILES = {"VOCdevkit/VOC2007/JPEGImages/1.jpg": b"x" * 5000, "VOCdevkit/VOC2007/list.txt": b"1\n", "readme": b"hello"}


Archived = tuple[Dataset, Path, Path]


def quiet(_done: int, _total: int | None) -> None:
    pass


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("VOCdevkit/", "")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def made(path: Path, files: dict[str, bytes] = FILES) -> Path:
    path.parent.mkdir(exist_ok=True)
    return write_zip(path, files) if path.suffix == ".zip" else write_tar(path, files, gz=path.suffix == ".tgz")


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["first.tar", "first.tgz", "first.zip"])
def archived(request: pytest.FixtureRequest, tmp_path: Path) -> Archived:
    """A data set of one archive, which lies beside its folder as if it had been downloaded."""
    path = made(tmp_path / "data" / request.param)
    item = Archive(
        name=path.name,
        url="http://127.0.0.1:1/x",
        gives="VOC2007/list.txt",
        md5=hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
        size=path.stat().st_size,
        inside="VOCdevkit",
    )
    dataset = dataclasses.replace(
        describe("voc07"), archives=(item,), files=(DataFile("VOC2007/list.txt"), DataFile("VOC2007/JPEGImages"))
    )
    return dataset, path, tmp_path / "data" / "VOCdevkit"


def test_an_archive_is_unpacked_once_below_its_inner_folder(archived: Archived) -> None:
    dataset, path, folder = archived
    assert fetch(dataset, folder, quiet) == [folder / "VOC2007/list.txt", folder / "VOC2007/JPEGImages"]
    mark = f".{path.name}.unpacked"
    assert held(folder) == {"VOC2007/JPEGImages/1.jpg": b"x" * 5000, "VOC2007/list.txt": b"1\n", mark: b""}
    (folder / "VOC2007/list.txt").write_text("my own\n")
    path.unlink()
    fetch(dataset, folder, quiet)  # nothing to do, and no address is asked
    assert (folder / "VOC2007/list.txt").read_text() == "my own\n"


def test_interrupted_unpacking_is_continued(archived: Archived) -> None:
    dataset, _, folder = archived
    (folder / "VOC2007").mkdir(parents=True)
    (folder / "VOC2007/list.txt").write_text("1\n")
    (folder / "VOC2007/JPEGImages").mkdir()
    (folder / "VOC2007/JPEGImages/1.jpg").write_bytes(b"x" * 10)
    fetch(dataset, folder, quiet)
    assert (folder / "VOC2007/JPEGImages/1.jpg").read_bytes() == b"x" * 5000


def test_a_manually_filled_folder_is_left_unchanged(archived: Archived) -> None:
    dataset, path, folder = archived
    path.unlink()
    (folder / "VOC2007").mkdir(parents=True)
    (folder / "VOC2007/list.txt").write_text("9\n")
    fetch(dataset, folder, quiet)
    assert held(folder) == {"VOC2007/list.txt": b"9\n"}


def test_a_damaged_archive_is_named(archived: Archived) -> None:
    dataset, path, folder = archived
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=rf"{path.name} has MD5 \w+ instead of \w+; delete it"):
        fetch(dataset, folder, quiet)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=rf"{path.name} cannot be read"):
        unpack(path, "", folder, quiet)


def test_an_archive_without_the_expected_files_is_named(archived: Archived) -> None:
    dataset, path, folder = archived
    other = dataclasses.replace(dataset.archives[0], gives="VOC2007/Annotations")
    with pytest.raises(DataError, match=rf"{path.name} does not contain VOC2007/Annotations"):
        fetch(dataclasses.replace(dataset, archives=(other,)), folder, quiet)


@pytest.mark.parametrize("name", ["first.tar", "first.zip"])
@pytest.mark.parametrize("member", ["../out", "VOCdevkit/../../out"])
def test_files_outside_the_folder_are_refused(tmp_path: Path, name: str, member: str) -> None:
    path = made(tmp_path / "data" / name, {member: b"x"})
    with pytest.raises(DataError, match=rf"{name} contains .*out, a path outside its folder"):
        unpack(path, "", tmp_path / "data" / "folder", quiet)
    assert not list(tmp_path.rglob("out"))


def test_a_failed_download_is_a_one_line_error(archived: Archived) -> None:
    dataset, path, folder = archived
    path.unlink()
    with pytest.raises(DataError, match="stopped at 0 bytes"):
        fetch(dataset, folder, quiet)
