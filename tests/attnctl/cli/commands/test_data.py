from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

from attnctl import datasets
from attnctl.cli.commands import data
from tests.attnctl.cli.cli_run import Run, listing
from tests.fixtures.unprivileged import ReadOnly


def test_a_failed_download_is_a_one_line_error_and_leaves_nothing(
    attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = dataclasses.replace(datasets.describe("cifar100"), url="http://127.0.0.1:1/cifar.tar.gz")
    monkeypatch.setitem(datasets.DATASETS, "cifar100", gone)
    result = attnctl("data", "fetch", "cifar100")
    assert result.code == 2
    assert "stopped at 0 bytes" in result.err
    assert result.err.count("\n") == 1
    assert listing(folder / "data") == []


def test_built_in_data_sets_need_no_download(attnctl: Run, folder: Path) -> None:
    assert attnctl("data", "fetch", "digits").out == "digits is embedded; nothing to download\n"


def test_existing_files_are_not_downloaded_again(attnctl: Run, folder: Path) -> None:
    (folder / "attnctl.toml").write_text('[data]\nroot = "data"\n')
    place = folder / "data" / "cifar-100-python"
    place.mkdir(parents=True)
    for name in ("train", "test"):
        (place / name).write_bytes(b"x")
    before = listing(folder)
    assert attnctl("data", "fetch", "cifar100").out == f"cifar100 is in {place}\n"
    assert listing(folder) == before


def test_a_data_set_without_an_address_names_its_source(attnctl: Run, folder: Path) -> None:
    (folder / "attnctl.toml").write_text('[data]\nroot = "data"\n')
    result = attnctl("data", "fetch", "imagenet")
    assert result.code == 2
    assert "imagenet cannot be downloaded: ILSVRC 2012" in result.err


@pytest.mark.parametrize("command", ["fetch", "check"])
def test_class_maps_are_refused_for_data_sets_that_have_none(command: str, attnctl: Run, folder: Path) -> None:
    result = attnctl("data", command, "voc07", "--maps")
    assert result.code == 2
    assert result.err == "attnctl: --maps: voc07 has no class maps to train with; coco has them\n"


def test_an_unknown_data_set_is_an_error_with_the_nearest(attnctl: Run, folder: Path) -> None:
    result = attnctl("data", "fetch", "cifar")
    assert (result.code, "did you mean 'cifar1" in result.err) == (2, True)


def test_the_list_has_every_data_set(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    data.list_()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "cifar10",
        "cifar100",
        "coco",
        "digits",
        "digits-det",
        "digits-seg",
        "imagenet",
        "voc07",
        "voc0712",
        "voc0712-all",
        "voc12",
        "voc12-seg",
    ]


def test_the_list_as_json_equals_that_of_datasets(attnctl: Run, folder: Path) -> None:
    listed = json.loads(attnctl("data", "list", "--json").out)
    assert listed == json.loads(attnctl("datasets", "--json").out)


def test_a_built_in_set_of_objects_is_written_and_can_be_trained_on(
    attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = attnctl("data", "write", "digits-det", "made", "--format", "voc")
    assert result.out == "made holds digits-det: 600 images in train and 150 in val\n"
    assert len(list((folder / "made" / "Annotations").iterdir())) == 750
    mine = dataclasses.replace(
        datasets.describe("digits-det"),
        name="mine",
        layout="voc",
        tasks=("detect",),
        train_parts=("train",),
        test_parts=("val",),
    )
    monkeypatch.setitem(datasets.DATASETS, "mine", mine)
    (folder / "attnctl.toml").write_text('[data]\nmine = "made"\n')
    assert attnctl("data", "check", "mine").out.splitlines()[::2] == [
        "train: 600 images, 1620 objects",
        "test: 150 images, 417 objects",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("digits-det", "full"), "cannot write full: it already exists"),
        (("digits-det", "nowhere/made"), "cannot write nowhere/made: there is no folder nowhere"),
        (("voc07", "made"), "voc07 cannot be written; choose one of digits-det, digits-seg"),
        (("digits", "made"), "digits cannot be written; choose one of digits-det, digits-seg"),
        (("digits-det", "made", "--format", "yolo"), "--format is 'yolo'; it must be one of coco, voc"),
    ],
)
def test_a_failed_write_is_a_one_line_error_and_leaves_nothing(
    attnctl: Run, folder: Path, words: tuple[str, ...], message: str
) -> None:
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    before = listing(folder)
    result = attnctl("data", "write", *words)
    assert (result.code, message in result.err) == (2, True), result.err
    assert listing(folder) == before


def test_the_files_of_a_data_set_are_checked(attnctl: Run, folder: Path) -> None:
    assert attnctl("data", "check", "digits-det").out == (
        "train: 600 images, 1620 objects\n"
        "  not used for training: 12 images without objects to train on\n"
        "test: 150 images, 417 objects\n"
    )
    parts = json.loads(attnctl("data", "check", "digits", "--json").out)["parts"]
    assert {name: part["images"] for name, part in parts.items()} == {"train": 1437, "test": 360}
    result = attnctl("data", "check", "coco")
    assert (result.code, "coco is incomplete in" in result.err) == (2, True)


def class_folder_set(folder: Path, monkeypatch: pytest.MonkeyPatch, train: list[str], val: list[str]) -> None:
    """imagenet with these class folders of two images each."""
    small = dataclasses.replace(
        datasets.describe("imagenet"), classes=len(train), train_size=2 * len(train), test_size=2 * len(val)
    )
    monkeypatch.setitem(datasets.DATASETS, "imagenet", small)
    for part, names in (("train", train), ("val", val)):
        for name in names:
            place = folder / "data" / "imagenet" / part / name
            place.mkdir(parents=True)
            for number in range(2):
                Image.new("RGB", (8, 8)).save(place / f"{number}.png")


DIFFER = "the class names of train/ and val/ in {root} differ: train/ has cup, val/ has vessel; make them the same"


def test_class_folders_that_differ_are_refused_by_a_check_and_before_a_run(
    attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folder_set(folder, monkeypatch, ["cup", "pen"], ["pen", "vessel"])
    words = f"imagenet: {DIFFER.format(root=folder / 'data' / 'imagenet')}"
    before = listing(folder)
    sweep = ("sweep", "none", "--dataset", "imagenet", "--batch", "2", "--norm-batch", "2", "--run-on", "local")
    for command in (("data", "check", "imagenet"), sweep):
        result = attnctl(*command)
        assert (result.code, result.err) == (2, f"attnctl: {words}\n")
    assert words in attnctl(*sweep, "--dry-run").out.splitlines()
    assert json.loads(attnctl(*sweep, "--dry-run", "--json").out)["class_mismatches"] == [words]
    assert listing(folder) == before


def test_a_half_copied_data_set_is_counted_and_refused(
    attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folder_set(folder, monkeypatch, ["cup", "pen"], ["cup", "pen"])
    root = folder / "data" / "imagenet"
    (root / "train" / "cup" / "1.png").unlink()
    Image.new("RGB", (8, 8)).save(root / "val" / "pen" / "2.png")
    words = f"imagenet in {root} has 3 training images instead of 4 and 5 test images instead of 4; correct the files"
    result = attnctl("data", "check", "imagenet")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"attnctl: {words}")


def test_damaged_images_are_named_and_the_others_counted(
    attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folder_set(folder, monkeypatch, ["cup", "pen"], ["cup", "pen"])
    assert attnctl("data", "check", "imagenet", "--images").out == (
        "train: 4 images\ntest: 4 images\nevery image can be read\n"
    )
    path = folder / "data" / "imagenet" / "val" / "pen" / "1.png"
    path.write_bytes(b"")
    result = attnctl("data", "check", "imagenet", "--images")
    assert result.code == 1
    assert result.out.splitlines()[2:] == [f"{path} cannot be read: damaged or not an image"]


@pytest.mark.parametrize("name", ["cifar10", "voc07"])
def test_a_folder_that_may_not_be_written_is_one_sentence(
    name: str, folder: Path, unprivileged: Run, read_only: ReadOnly
) -> None:
    (folder / "data").mkdir()
    read_only(folder / "data")
    result = unprivileged("data", "fetch", name)
    assert (result.code, result.out) == (2, "")
    message = result.err.splitlines()[-1]
    assert f": you have no permission to write in {folder / 'data'}; set root under [data] in attnctl.toml" in message
    assert "Errno" not in result.err
