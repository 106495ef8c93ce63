"""Data sets that a package registers: what is wrong with their files is said by `data check` and ends a real run."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.attnctl.cli.cli_run import listing
from tests.attnctl.cli.own_data_sets import Command, installed

SWEEP = ("sweep", "none", "--batch", "4", "--norm-batch", "4", "--epochs", "1", "--run-on", "local", "--device", "cpu")


@pytest.fixture
def attnctl(folder: Path) -> Command:
    return installed(folder.parent / "packages")


@pytest.fixture
def class_folders(folder: Path) -> Path:
    """Four red cups and four blue pens to train on, and half as many to test on."""
    root = folder / "data" / "myfolders"
    for part, count in (("train", 4), ("val", 2)):
        for name, colour in (("cup", (200, 40, 40)), ("pen", (40, 40, 200))):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (40, 40), colour).save(root / part / name / f"{number}.png")
    return root


def test_whole_class_folders_are_trained_on(attnctl: Command, class_folders: Path) -> None:
    assert attnctl("data", "check", "myfolders").stdout == "train: 8 images\ntest: 4 images\n"
    swept = attnctl(*SWEEP, "--dataset", "myfolders")
    assert (swept.returncode, "completed, top-1" in swept.stderr) == (0, True), swept.stderr


def test_class_folders_with_other_names_in_val_are_refused(attnctl: Command, class_folders: Path, folder: Path) -> None:
    (class_folders / "val" / "cup").rename(class_folders / "val" / "vessel")
    words = f"of train/ and val/ in {class_folders} differ: train/ has cup, val/ has vessel; make them the same"
    before = listing(folder)
    for command in (("data", "check", "myfolders"), (*SWEEP, "--dataset", "myfolders")):
        result = attnctl(*command)
        assert (result.returncode, result.stderr) == (2, f"attnctl: myfolders: the class names {words}\n")
    assert listing(folder) == before


def test_class_folders_with_missing_and_surplus_images_are_counted_and_refused(
    attnctl: Command, class_folders: Path
) -> None:
    (class_folders / "train" / "cup" / "1.png").unlink()
    Image.new("RGB", (40, 40)).save(class_folders / "val" / "pen" / "2.png")
    words = (
        f"myfolders in {class_folders} has 7 training images instead of 8 and 5 test images instead of 4; "
        "correct the files, or register a subset as a data set of its own"
    )
    checked = attnctl("data", "check", "myfolders")
    assert (checked.returncode, checked.stdout, checked.stderr) == (2, "", f"attnctl: {words}\n")
    swept = attnctl(*SWEEP, "--dataset", "myfolders")
    assert (swept.returncode, words in swept.stdout) == (1, True), swept.stdout
    assert "Traceback" not in swept.stdout + swept.stderr
