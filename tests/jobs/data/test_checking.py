"""Looking through a data set's files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attnctl.datasets import describe
from attnctl.jobs.data.checking import PartContents, check
from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.settings.config import DataRoots
from tests.jobs.data.published import image_folders
from tests.jobs.data.scene_files import COCO, class_map, coco_folder

SMALL = dataclasses.replace(describe("imagenet"), classes=3, train_size=18, test_size=12)


class Through:
    """Goes through numbers, and notes what was said of it."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, numbers: Sequence[int], words: str) -> Iterable[int]:
        self.words.append(words)
        return numbers


@pytest.fixture
def roots(tmp_path: Path) -> DataRoots:
    image_folders(tmp_path / "imagenet")
    return DataRoots(root=tmp_path)


def test_files_are_counted_and_images_are_read_only_on_request(roots: DataRoots) -> None:
    through = Through()
    assert check(SMALL, roots, images=False, through=through) == {"train": PartContents(18), "test": PartContents(12)}
    assert through.words == []
    assert check(SMALL, roots, images=True, through=through) == {"train": PartContents(18), "test": PartContents(12)}
    assert [words.split()[-1] for words in through.words] == ["train", "test"]


def test_damaged_images_are_named_and_the_others_counted(roots: DataRoots) -> None:
    first = next(iter(sorted((roots.folder("imagenet") or Path()).glob("train/*/*"))))
    first.write_bytes(b"no image")
    found = check(SMALL, roots, images=True, through=Through())
    (line,) = found["train"].damaged
    assert first.name in line
    assert (found["train"].images, found["test"].damaged) == (18, ())


def test_files_that_are_left_out_and_images_that_are_changed_are_told(roots: DataRoots) -> None:
    folder = next(iter(sorted((roots.folder("imagenet") or Path()).glob("train/*"))))
    (folder / "x.heic").write_bytes(b"x")
    first = next(iter(sorted(folder.glob("*.JPEG"))))
    Image.new("RGBA", (9, 9)).save(first, "PNG")
    found = check(SMALL, roots, images=True, through=Through())["train"]
    assert found.other_files == (str(folder / "x.heic"),)
    assert found.changed == ("1 image with transparency, which is dropped",)


def test_built_in_data_sets_are_counted() -> None:
    found = check(describe("digits"), DataRoots(), images=False, through=Through())
    assert {part: checked.images for part, checked in found.items()} == {"train": 1437, "test": 360}


def test_objects_are_counted_beside_their_images() -> None:
    found = check(describe("digits-det"), DataRoots(), images=False, through=Through())
    assert found["train"].images == describe("digits-det").train_size
    assert found["train"].objects > found["train"].images / 2
    assert found["train"].sizes.wrong == ()


def test_missing_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cifar10"):
        check(describe("cifar10"), DataRoots(root=tmp_path), images=False, through=Through())


def test_class_maps_are_counted_and_read_on_request(tmp_path: Path) -> None:
    coco = coco_folder(tmp_path / "coco")
    roots = DataRoots(root=tmp_path)
    assert check(COCO, roots, images=True, through=Through())["train"].damaged == ()
    with pytest.raises(MissingDataError, match=r"lacks the class maps of 4 images: .* \.\.\.; run `attnctl data fetch"):
        check(COCO, roots, images=False, through=Through(), maps=True)
    for path in (coco / "train2017").iterdir():
        with Image.open(path) as image:
            class_map(coco / "stuffthingmaps" / "train2017" / f"{path.stem}.png", np.zeros(image.size[::-1]))
    assert check(COCO, roots, images=True, through=Through(), maps=True)["train"].damaged == ()
    class_map(coco / "stuffthingmaps" / "train2017" / f"{path.stem}.png", np.zeros((3, 3)))
    (line,) = check(COCO, roots, images=True, through=Through(), maps=True)["train"].damaged
    assert f"{path.stem}.png" in line
