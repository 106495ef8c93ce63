"""Class folders as users have them: what is found, what is told and what is refused."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.datasets import folder_scan
from attnctl.datasets.folder_scan import scan
from attnctl.values import SpecError
from tests.fixtures.image_folder import flowers, image


@pytest.mark.parametrize("test", folder_scan.TEST_PARTS)
def test_the_evaluated_part_has_any_of_its_usual_names(tmp_path: Path, test: str) -> None:
    found = scan(flowers(tmp_path, parts=("train", test)))
    assert (found.parts, found.classes, found.is_split) == (("train", test), ("daisy", "rose"), False)
    assert (len(found.train), len(found.test)) == (20, 20)


def test_one_level_of_class_folders_is_split(tmp_path: Path) -> None:
    found = scan(flowers(tmp_path))
    assert found.is_split
    assert (len(found.train), len(found.test)) == (20, 0)
    assert found.path(found.parts[0], found.train[0]) == tmp_path / "daisy" / "0.png"


def test_odd_names_links_and_files_of_one_stem_are_images(tmp_path: Path) -> None:
    root = flowers(tmp_path / "data", classes=("Gänse blümchen", "v1.2"), each=1)
    image(root / "v1.2" / "0.jpg", 7)
    image(root / "v1.2" / "UPPER case.v2.JPEG", 8)
    (root / "v1.2" / "linked.png").symlink_to(image(tmp_path / "elsewhere.png", 9))
    outside = flowers(tmp_path / "other", classes=("far",), each=2)
    (root / "linked class").symlink_to(outside / "far", target_is_directory=True)
    found = scan(root)
    assert found.classes == ("Gänse blümchen", "linked class", "v1.2")
    names = [os.fsdecode(item.name) for item in found.train if item.folder == "v1.2"]
    assert names == ["0.jpg", "0.png", "UPPER case.v2.JPEG", "linked.png"]
    assert found.notes == ()


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    root = flowers(tmp_path)
    (root / "tulip").mkdir()
    (root / ".cache").mkdir()
    (root / "__MACOSX" / "daisy").mkdir(parents=True)
    image(root / "beside.png")
    (root / "daisy" / ".hidden.png").write_bytes(b"x")
    (root / "daisy" / "notes.txt").write_text("x")
    (root / "rose" / "scan.psd").write_text("x")
    image(root / "rose" / "more" / "1.png")
    found = scan(root)
    assert found.classes == ("daisy", "rose")
    assert len(found.train) == 20
    assert found.notes == (
        "no images in tulip",
        "images in no class folder left out: beside.png",
        "2 files left out: .psd, .txt",
        "sub folders of class folders left out: rose/more",
    )


def test_a_class_without_evaluated_images_is_told_and_one_without_training_images_is_refused(tmp_path: Path) -> None:
    root = flowers(tmp_path, parts=("train", "val"))
    shutil.rmtree(root / "val" / "rose")
    (root / "val" / "rose").mkdir()
    assert scan(root).notes == ("no images in val/rose",)
    (root / "train" / "tulip").mkdir()
    image(root / "val" / "tulip" / "1.png")
    with pytest.raises(SpecError, match=r"train has no images of tulip, but val/ has; add some"):
        scan(root)


def test_parts_with_different_classes_are_refused(tmp_path: Path) -> None:
    root = flowers(tmp_path, parts=("train", "val"))
    (root / "val" / "rose").rename(root / "val" / "Rose")
    words = "the class folders of train/ and val/ in .* differ: train/ has rose, val/ has Rose; make them the same"
    with pytest.raises(SpecError, match=words):
        scan(root)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("rose", "rose ", "train/ has rose, val/ has 'rose '"),
        ("caf\u00e9", "cafe\u0301", "train/ has caf\u00e9, val/ has 'cafe\\u0301'"),
    ],
)
def test_names_that_look_equal_are_shown_so_that_they_differ(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    root = flowers(tmp_path, parts=("train", "val"))
    (root / "train" / "rose").rename(root / "train" / first)
    (root / "val" / "rose").rename(root / "val" / second)
    with pytest.raises(SpecError, match=re.escape(words)):
        scan(root)


def _loose(root: Path) -> None:
    image(root / "1.png")


def _one_class(root: Path) -> None:
    flowers(root, classes=("daisy",))


def _only_train(root: Path) -> None:
    flowers(root, parts=("train",))


def _capital(root: Path) -> None:
    flowers(root, parts=("Train", "val"))


def _other_suffixes(root: Path) -> None:
    for name in ("daisy", "rose"):
        (root / name).mkdir(parents=True)
        (root / name / "1.heic").write_bytes(b"x")


def _no_test_images(root: Path) -> None:
    flowers(root, parts=("train",))
    for name in ("daisy", "rose"):
        (root / "val" / name).mkdir(parents=True)


def _dangling(root: Path) -> None:
    flowers(root)
    (root / "daisy" / "gone.png").symlink_to(root / "nothing.png")


def _pipe(root: Path) -> None:
    flowers(root)
    os.mkfifo(root / "daisy" / "pipe.png")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "has no class folders with images; put the images of each class into a folder of its own"),
        (_loose, "has 1 image and no class folders with images"),
        (_one_class, "has images of one class, daisy; a classifier needs at least two"),
        (_only_train, r"has train/ but none of val/, valid/, validation/, test/: add one, or name .*/train"),
        (_capital, "has Train/ but no train/: rename it"),
        (_other_suffixes, r"no class folders with images \(files with other suffixes: .heic\)"),
        (_no_test_images, "val has no images"),
        (_dangling, r"gone.png cannot be read: No such file"),
        (_pipe, r"pipe.png is not a file"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    root = tmp_path / "data"
    make(root)
    with pytest.raises(SpecError, match=words):
        scan(root)


def test_all_images_are_files_of_the_data_set(tmp_path: Path) -> None:
    root = flowers(tmp_path, parts=("train", "val"), each=1)
    (root / "train" / "rose" / "notes.txt").write_text("x")
    names = [item.name for item in scan(root).files]
    assert names == [b"train/daisy/0.png", b"train/rose/0.png", b"val/daisy/0.png", b"val/rose/0.png"]
    assert scan(root).counts == (2, 2)
