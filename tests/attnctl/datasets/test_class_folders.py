"""A class number means the same class in both parts of a data set, or an error names what differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from attnctl.datasets import describe
from attnctl.datasets.class_folders import class_folders, explain, mismatch
from attnctl.values import SpecError

IMAGENET = describe("imagenet")
WNIDS = [f"n{k:08d}" for k in range(1000)]


def made(root: Path, train: list[str], val: list[str]) -> Path:
    for part, names in (("train", train), ("val", val)):
        for name in names:
            (root / part / name).mkdir(parents=True)
    return root


def test_folders_are_numbered_by_name_and_hidden_ones_and_files_are_not_classes(tmp_path: Path) -> None:
    made(tmp_path, ["b", "a", ".cache"], [])
    (tmp_path / "train" / "list.txt").touch()
    assert class_folders(tmp_path / "train") == ["a", "b"]
    with pytest.raises(SpecError, match="val cannot be read: No such file or directory"):
        class_folders(tmp_path / "val")


@pytest.mark.parametrize(
    ("train", "val", "words"),
    [
        (["cup", "pen"], ["pen", "vessel"], "train/ has cup, val/ has vessel"),
        (["cup", "pen"], ["cup"], "train/ has pen, val/ does not"),
        (["cup"], ["cup", "pen"], "val/ has pen, train/ does not"),
        (
            WNIDS,
            [str(k) for k in range(1000)],  # as ImageNetV2 calls them
            "train/ has n00000000, n00000001, n00000002 and 997 more, val/ has 0, 1, 10 and 997 more",
        ),
    ],
)
def test_class_folders_that_differ_are_named_from_both_parts(
    tmp_path: Path, train: list[str], val: list[str], words: str
) -> None:
    made(tmp_path, train, val)
    assert mismatch(IMAGENET, tmp_path) == (
        f"imagenet: the class names of train/ and val/ in {tmp_path} differ: {words}; make them the same"
    )


def test_equal_class_folders_agree(tmp_path: Path) -> None:
    assert mismatch(IMAGENET, made(tmp_path, ["cup", "pen"], ["pen", "cup"])) == ""


def test_data_sets_without_class_folders_are_not_compared(tmp_path: Path) -> None:
    made(tmp_path, ["cup"], ["vessel"])
    assert mismatch(IMAGENET, None) == ""
    assert mismatch(IMAGENET, tmp_path / "nowhere") == ""
    assert mismatch(dataclasses.replace(IMAGENET, layout="voc"), tmp_path) == ""
    (tmp_path / "val" / "0.tar").touch()
    assert mismatch(IMAGENET, tmp_path) == ""


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((("pen", "cup"), ("cup", "pen")), "class 0 is pen in a and cup in b"),
        ((("pen", "cup"), ("pen", "cup", "cup")), "a has 2 classes, b has 3"),
    ],
)
def test_names_in_another_order_are_explained(names: tuple[tuple[str, ...], tuple[str, ...]], words: str) -> None:
    assert words in explain(IMAGENET, Path("x"), names, ("a", "b"))
