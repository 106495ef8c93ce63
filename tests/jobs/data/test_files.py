"""Class folders and shards, as they are found and checked."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torchvision.datasets import ImageFolder

from attnctl.jobs.data import open_data
from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.data.files import index, open_parts
from attnctl.settings.config import DataRoots
from tests.jobs.data.conftest import MakeSpec
from tests.jobs.data.imagenet_files import SMALL, Opener, opener
from tests.jobs.data.published import image_folders, image_shards, jpeg, write_tar

CPU = torch.device("cpu")
TINY = dataclasses.replace(SMALL, train_size=3, test_size=3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folders(tmp_path_factory.mktemp("imagenet"))


@pytest.fixture
def opened(make_spec: MakeSpec, folders: Path) -> Iterator[Opener]:
    with opener(make_spec, folders) as open_it:
        yield open_it


def test_missing_and_empty_classes_are_named(tmp_path: Path) -> None:
    root = image_folders(tmp_path / "imagenet")
    with pytest.raises(DataError, match=r"train contains 3 class folders instead of 1000, and no tar shards"):
        index(root / "train", 1000)
    for path in (root / "train" / "n00000002").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"train contains no images in n00000002"):
        index(root / "train", 3)


def test_class_folders_are_read_as_torchvision_reads_them_and_the_rest_is_named(tmp_path: Path) -> None:
    root = image_folders(tmp_path / "imagenet")
    part, folder = root / "train", root / "train" / "n00000001"
    for name in ("a.webp", "b.BMP", "c.tiff", "d.ppm", "deeper/e.png", "f.pgm"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(jpeg(0))
    expected = [Path(path).relative_to(part).as_posix() for path, _ in ImageFolder(str(part)).samples]
    for name in ("._a.webp", ".DS_Store", ".ipynb_checkpoints/x.png", "notes.txt", "deeper/x.heic", "../y.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "empty.png").mkdir()
    files = index(part, 3)
    names = [Path(files.name(number)).relative_to(part).as_posix() for number in range(len(files.labels))]
    assert sorted(names) == sorted(expected)
    assert [Path(path).relative_to(part).as_posix() for path in files.left_out] == [
        "n00000001/deeper/x.heic",
        "n00000001/notes.txt",
        "y.jpg",
    ]
    with pytest.raises(DataError, match=r"; 3 files are left out \(no image suffix, or in no class folder\): .*y.jpg"):
        open_parts(TINY, root)


def test_a_link_in_a_circle_is_an_error(tmp_path: Path) -> None:
    root = image_folders(tmp_path / "imagenet")
    (root / "train" / "n00000001" / "again").symlink_to(root / "train" / "n00000001")
    with pytest.raises(DataError, match="is it a link in a circle"):
        index(root / "train", 3)


def test_two_images_of_one_sample_in_a_shard_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    write_tar(tmp_path / "train" / "0.tar", {"1.cls": b"0", "1.jpg": jpeg(0), "1.png": jpeg(0)})
    with pytest.raises(DataError, match=r"0.tar has two images of one sample: 1.jpg and 1.png"):
        index(tmp_path / "train", 1)


@pytest.mark.parametrize("stage", [False, True])
def test_parts_with_different_class_folders_are_refused_before_training(
    opened: Opener,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    stage: bool,
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("disk")))
    root = image_folders(tmp_path / "imagenet")
    (root / "val" / "n00000000").rename(root / "val" / "vessel")
    words = rf"of train/ and val/ in {root} differ: train/ has n00000000, val/ has vessel; make them the same"
    with pytest.raises(DataError, match=words):
        opened(root, stage=stage)
    with pytest.raises(DataError, match=words):
        opened(root, stage=stage, val_split=1 / 3)


Key = Callable[[str, str, int], str]


def in_folders(_part: str, name: str, number: int) -> str:
    return f"{name}/{number}"


def in_file_names(part: str, name: str, number: int) -> str:
    """As torchvision's and as Hugging Face's copies of ImageNet call their images."""
    return f"train/{name}_{number}" if part == "train" else f"val/ILSVRC2012_val_{number:08d}_{name}"


def shards_of(root: Path, names: dict[str, list[tuple[str, int]]], key: Key) -> Path:
    """A shard for each part with an image for each (class name, class number); `key` names it in the shard."""
    for part, classes in names.items():
        (root / part).mkdir(parents=True)
        members: dict[str, bytes] = {}
        for name, number in classes:
            stem = key(part, name, number)
            members |= {f"{stem}.jpg": jpeg(number), f"{stem}.cls": b"%d" % number}
        write_tar(root / part / "0.tar", members)
    return root


IN_ORDER = [("n01440764", 0), ("n01443537", 1), ("n01484850", 2)]
SWAPPED = [("n01440764", 1), ("n01443537", 0), ("n01484850", 2)]


@pytest.mark.parametrize("key", [in_folders, in_file_names])
def test_shards_that_number_their_classes_differently_are_refused(tmp_path: Path, key: Key) -> None:
    with pytest.raises(DataError, match="class 0 is n01440764 in train/ and n01443537 in val/"):
        open_parts(TINY, shards_of(tmp_path / "differ", {"train": IN_ORDER, "val": SWAPPED}, key))
    same = shards_of(tmp_path / "same", {"train": IN_ORDER, "val": IN_ORDER}, key)
    assert [files.class_names for files in open_parts(TINY, same)] == [tuple(name for name, _ in IN_ORDER)] * 2


def test_shards_and_class_folders_must_have_the_same_classes(tmp_path: Path) -> None:
    shutil.copytree(image_folders(tmp_path / "all") / "train", tmp_path / "mixed" / "train")
    shards_of(tmp_path / "mixed", {"val": [("cup", 0), ("pen", 1), ("vessel", 2)]}, in_folders)
    with pytest.raises(DataError, match="train/ has n00000000, n00000001, n00000002, val/ has cup, pen, vessel"):
        open_parts(TINY, tmp_path / "mixed")


def test_shards_without_class_names_are_accepted_by_number(tmp_path: Path, folders: Path) -> None:
    """A folder that several classes share names none of them."""
    assert [files.class_names for files in open_parts(SMALL, image_shards(tmp_path / "plain", folders))] == [(), ()]
    shared = [("all", 0), ("all", 1), ("other", 2)]
    found = open_parts(TINY, shards_of(tmp_path / "shared", {"train": shared, "val": IN_ORDER}, in_folders))
    assert found[0].class_names == ()


@pytest.mark.parametrize("shards", [False, True])
def test_missing_and_surplus_images_are_counted_and_refused(
    opened: Opener, tmp_path: Path, folders: Path, shards: bool
) -> None:
    root = image_shards(tmp_path / "shards", folders, 3) if shards else shutil.copytree(folders, tmp_path / "folders")
    first = root / "train" / ("train-0000.tar" if shards else "n00000000/n00000000_0.JPEG")
    shutil.copy(first, first.with_name(f"again-{first.name}"))
    surplus = 3 if shards else 1
    words = f"imagenet in {root} has {18 + surplus} training images instead of 18"
    with pytest.raises(DataError, match=words):
        opened(root)
    with pytest.raises(DataError, match=words):
        opened(root, val_split=1 / 3)
    for part in ("train", "val"):
        (root / part / (f"{part}-0001.tar" if shards else "n00000001/n00000001_1.JPEG")).unlink()
    first.with_name(f"again-{first.name}").unlink()
    with pytest.raises(MissingDataError) as caught:
        opened(root)
    lost = 3 if shards else 1
    assert str(caught.value) == (
        f"imagenet in {root} has {18 - lost} training images instead of 18 and {12 - lost} test images instead of 12; "
        "correct the files, or register the subset as your own data set"
    )


def test_an_incomplete_data_set_is_named_by_its_own_folder_not_by_its_copy(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    root = image_folders(tmp_path / "imagenet", train=5)
    with pytest.raises(DataError, match=f"imagenet in {root} has 15 training images instead of 18;"):
        opened(root, stage=True)


def test_a_partly_missing_data_root_is_named(tmp_path: Path, make_spec: MakeSpec) -> None:
    spec = make_spec("imagenet", augment="imagenet")
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"imagenet is incomplete in .*: missing val, train \(empty\); set root or image"
    ):
        open_data(spec, DataRoots(root=tmp_path), CPU)
    with pytest.raises(DataError, match=r"no folder is set for imagenet; set root or imagenet under \[data\]"):
        open_data(spec, DataRoots(), CPU)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a.jpg": b"x"}, "a lacks its image or its .cls"),
        ({"a.cls": b"0"}, "a lacks its image or its .cls"),
        ({"a.jpg": b"x", "a.cls": b"zebra"}, "is not a plain tar"),
        ({"a.jpg": b"x", "a.cls": b"3"}, "contain 1 class from 3 to 3 instead of all of 0..2"),
        ({"readme.txt": b"x"}, "without any image"),
    ],
)
def test_faulty_shards_are_named(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    write_tar(tmp_path / "train-0.tar", members)
    with pytest.raises(DataError, match=words) as caught:
        index(tmp_path, 3)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("keep", [100, 1500, 12000])
def test_a_truncated_shard_is_named(tmp_path: Path, keep: int) -> None:
    pairs = {f"{n}.{kind}": value for n in range(6) for kind, value in (("jpg", jpeg(n)), ("cls", b"%d" % (n % 3)))}
    shard = write_tar(tmp_path / "train-0.tar", pairs)
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train-0.tar"):
        index(tmp_path, 3)
