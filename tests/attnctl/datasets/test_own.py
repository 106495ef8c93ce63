"""Users' own data sets: names, descriptions and records."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl import datasets, own_data
from attnctl.datasets import fingerprint, image_statistics, own
from attnctl.datasets.own import Reference, parse
from attnctl.values import SpecError
from tests.fixtures.image_folder import coco_folder, flowers, image, voc_folder


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_a_folder_is_described_by_what_it_contains(tmp_path: Path) -> None:
    found = datasets.describe(str(flowers(tmp_path / "flowers", parts=("train", "val"), each=6)))
    assert found.name.startswith("flowers@")
    assert (found.classes, found.train_size, found.test_size) == (2, 12, 12)
    assert (found.height, found.width, found.layout) == (32, 32, "imagefolder")
    assert (found.names, found.train_parts, found.test_parts) == (("daisy", "rose"), ("train",), ("val",))
    assert all(0.45 < value < 0.55 for value in found.mean)
    assert found.content.startswith("sha256:")
    assert (found.default_backbone, found.recipe) == ("resnet20", "folder-small")
    assert datasets.describe(found.name) is found


def test_large_images_have_the_usual_size_and_network(tmp_path: Path) -> None:
    for k in range(10):
        image(tmp_path / "data" / f"c{k % 2}" / f"{k}.jpg", k, size=(320, 300))
    found = datasets.describe(str(tmp_path / "data"))
    assert (found.height, found.default_backbone, found.recipe) == (224, "resnet18", "folder")


def test_the_name_depends_on_the_content_and_not_on_the_place(tmp_path: Path) -> None:
    root = flowers(tmp_path / "a" / "flowers")
    copy = Path(shutil.copytree(root, tmp_path / "b" / "flowers"))
    (copy / "notes.txt").write_text("of no importance")
    first = datasets.describe(str(root)).name
    assert datasets.describe(str(copy)).name == first
    image(copy / "rose" / "0.png", 99)
    assert datasets.describe(str(copy)).name != first
    assert datasets.describe(f"{root}:seed=1").name != first
    assert datasets.describe(f"{root}:test=0.3").test_size == 6


def test_a_link_to_a_folder_has_its_own_name_and_the_same_content(tmp_path: Path) -> None:
    root = flowers(tmp_path / "v2" / "images")
    (tmp_path / "flowers").symlink_to(root, target_is_directory=True)
    linked, direct = datasets.describe(str(tmp_path / "flowers")), datasets.describe(str(root))
    assert linked.name.startswith("flowers@")
    assert linked.content == direct.content
    assert own.MEASURED[linked.name].folder == tmp_path / "flowers"


def test_unchanged_folders_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = flowers(tmp_path / "flowers")
    (root / "rose" / "0.png").write_bytes(b"damaged")
    first = datasets.describe(str(root))
    notes = own.notes(first)
    (note,) = notes
    assert note.startswith(f"1 of 20 images cannot be read, such as {root / 'rose' / '0.png'}; a run ends when it ")

    def fail(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(image_statistics, "measure", fail)
    monkeypatch.setattr(fingerprint, "content", fail)
    assert datasets.describe(str(root)) == first
    assert own.notes(first) == notes
    os.utime(root / "rose" / "1.png", (1, 1))
    with pytest.raises(AssertionError, match="measured again"):
        datasets.describe(str(root))


def test_folders_are_named_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    odd = tmp_path / "odd:name=x"
    odd.mkdir()
    (tmp_path / "flowers").mkdir()
    assert parse("./flowers") == Reference(Path("flowers"))
    assert parse("~/flowers") == Reference(tmp_path / "flowers")
    assert parse("./odd:name=x") == Reference(Path("odd:name=x"))
    assert parse("./flowers:test=0.3+seed=4") == Reference(Path("flowers"), 0.3, 4)
    assert parse("./flowers:seed=4") == Reference(Path("flowers"), None, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("./nothing", "there is no folder ./nothing"),
        ("./file", "./file is not a folder"),
        ("./flowers.py:make", "dataset './flowers.py:make': there is no file ./flowers.py"),
        ("flowers.py", "there is no file flowers.py"),
        ("./flowers:test=0", "after the colon there can be test=0.3, the fraction"),
        ("./flowers:test=nan", "after the colon"),
        ("./flowers:seed=-1", "after the colon"),
        ("./flowers:size=3", "after the colon"),
        ("./x\0y", "dataset './x\\\\x00y'"),
        (f"./{'x' * 300}", "File name too long"),
        ("flowers", "unknown dataset 'flowers'; for the folder, write ./flowers"),
        ("flowers@0123456789", "name your own by its folder, such as --dataset ./flowers"),
    ],
)
def test_wrong_names_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    flowers(tmp_path / "flowers")
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match=words):
        datasets.describe(text)


def test_a_folder_with_parts_is_not_split(tmp_path: Path) -> None:
    root = flowers(tmp_path / "flowers", parts=("train", "val"))
    with pytest.raises(SpecError, match="has train/ and val/, so it is not split"):
        datasets.describe(f"{root}:test=0.3")
    few = flowers(tmp_path / "few", each=1)
    with pytest.raises(SpecError, match=r"has 2 images: too few to evaluate 0.2 of them"):
        datasets.describe(str(few))


GOOD = {
    "version": 1,
    "classes": 2,
    "train_size": 4,
    "test_size": 4,
    "height": 32,
    "width": 32,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.2, 0.2, 0.2],
    "layout": "imagefolder",
    "tasks": ["classify"],
    "names": ["a", "b"],
    "train_parts": ["train"],
    "test_parts": ["val"],
    "split": 0.0,
    "split_seed": 0,
    "content": "sha256:0",
}


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 0},
        {"classes": 1 << 40},
        {"classes": "2"},
        {"std": [0.0, 0.2, 0.2]},
        {"mean": [float("nan"), 0.5, 0.5]},
        {"layout": "loaded"},
        {"names": ["a"]},
        {"names": ["a", "\x1b[31m"]},
        {"train_parts": ["../.."]},
        {"test_parts": []},
        {"content": ""},
        {"height": -1},
        {"code": "x:make"},
        {"code_version": "ast:0123456789abcdef"},
        {"tasks": ["detect"]},
        {"tasks": []},
        {"layout": "coco", "tasks": ["detect"]},
        {"layout": "voc", "tasks": ["detect"], "height": 0, "width": 0, "test_parts": ["../x"]},
        {"layout": "voc", "tasks": ["detect"], "height": 0, "width": 0, "names": []},
    ],
)
def test_a_strange_description_is_an_error(change: dict[str, Any]) -> None:
    text = json.dumps(GOOD | change)
    name = own_data.name_of("x", text)
    own_data.remember(name, text)
    with pytest.raises(SpecError, match="not the description of a data set"):
        datasets.describe(name)
    assert "load" not in datasets.describe(_remembered(GOOD | {"load": "os:system"})).load


def _remembered(values: dict[str, Any]) -> str:
    text = json.dumps(values)
    name = own_data.name_of("x", text)
    own_data.remember(name, text)
    return name


@pytest.mark.parametrize("make", [coco_folder, voc_folder])
def test_folders_with_objects_are_described(tmp_path: Path, make: Callable[[Path, dict[str, int]], Path]) -> None:
    root = make(tmp_path / "desk", {"train": 3, "val": 2})
    found = datasets.describe(str(root))
    assert (found.classes, found.names, found.tasks) == (2, ("cup", "pen"), ("detect",))
    assert (found.train_size, found.test_size, found.height) == (3, 2, 0)
    assert (found.default_backbone, found.recipe) == ("", "folder-objects")
    own.check_unchanged(found, root)
    with pytest.raises(SpecError, match="has train/ and val/, so it is not split"):
        datasets.describe(f"{root}:test=0.5")
    image(next(root.rglob("*.png")), 99)
    with pytest.raises(SpecError, match="have changed since the run was planned"):
        own.check_unchanged(found, root)


def test_records_lead_to_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, root = tmp_path / "datasets", flowers(tmp_path / "flowers")
    name = datasets.describe(str(root)).name
    own.keep([name, name, "digits"], records, 0o600)
    (records / "broken@0123456789.json").write_text("{")
    path = own.record_path(records, name)
    (records / "other@0123456789.json").write_text(path.read_text())  # not the record of its name
    assert list(own.recorded(records)) == [name]
    monkeypatch.setattr(own, "MEASURED", {})
    assert own.folder_of(name, records) == root
    assert own.folder_of("other@0123456789", records) is None
    assert own.folder_of(name, None) is None
    assert own.recorded(tmp_path / "nothing") == {}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"folder": "relative"}))
    assert own.folder_of(name, records) is None


def test_changed_images_are_refused(tmp_path: Path) -> None:
    root = flowers(tmp_path / "flowers")
    found = datasets.describe(str(root))
    signature = own.MEASURED[found.name].signature
    own.check_unchanged(found, root, signature)
    os.utime(root / "rose" / "1.png", (1, 1))
    own.check_unchanged(found, root, signature)  # the bytes are the same
    image(root / "rose" / "1.png", 99)
    with pytest.raises(SpecError, match="have changed since the run was planned; restore them, or sweep again"):
        own.check_unchanged(found, root, signature)


def test_evaluated_images_that_are_trained_on_are_told(tmp_path: Path) -> None:
    root = flowers(tmp_path / "parts", parts=("train", "val"))
    assert own.notes(own.measure(str(root))) == ()
    for name in ("1.png", "2.png"):
        shutil.copy(root / "train" / "rose" / name, root / "val" / "daisy" / f"copy of {name}")
    (note,) = own.notes(own.measure(str(root)))
    assert note == "2 evaluated images are also trained on, such as val/daisy/copy of 1.png and train/rose/1.png"
    split = flowers(tmp_path / "split")
    shutil.copy(split / "rose" / "1.png", split / "daisy" / "again.png")
    (note,) = own.notes(own.measure(str(split)))
    names = "./rose/1.png and ./daisy/again.png"
    assert note == f"some images are stored twice, and perhaps both trained on and evaluated, such as {names}"
    objects = coco_folder(tmp_path / "coco", {"train": 2, "val": 2})
    shutil.copy(objects / "train" / "0.png", objects / "val" / "1.png")
    (note,) = own.notes(own.measure(str(objects)))
    assert note == "1 evaluated image is also trained on, such as val/1.png and train/0.png"
