"""Folders with objects as users have them: what is found, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnctl.datasets.object_scan import evaluated_part, layout_of, scan
from attnctl.jobs.data.coco import index
from attnctl.values import SpecError
from tests.fixtures.image_folder import coco_folder, image, voc_folder


def test_coco_folders_are_found(tmp_path: Path) -> None:
    root = coco_folder(tmp_path, {"train2024": 3, "val2024": 2})
    found = scan(root)
    assert layout_of(root) == found.layout == "coco"
    assert (found.parts, found.names, found.counts) == (("train2024", "val2024"), ("cup", "pen"), (3, 2))
    assert found.tasks == ("detect",)
    assert len(found.files) == 2 + 5
    assert found.train[0] == root / "train2024" / "0.png"


def test_voc_folders_are_found_and_their_classes_collected(tmp_path: Path) -> None:
    root = voc_folder(tmp_path, {"train": 3, "val": 2})
    found = scan(root)
    assert layout_of(root) == found.layout == "voc"
    assert (found.parts, found.names, found.counts) == (("train", "val"), ("cup", "pen"), (3, 2))
    assert len(found.files) == 2 + 5 + 5


def test_other_folders_have_no_objects(tmp_path: Path) -> None:
    image(tmp_path / "daisy" / "1.png")
    assert layout_of(tmp_path) == ""


def test_a_folder_to_evaluate_on_may_have_one_part_of_any_name(tmp_path: Path) -> None:
    assert evaluated_part(coco_folder(tmp_path / "a", {"night": 2})) == ("coco", "night")
    assert evaluated_part(coco_folder(tmp_path / "b", {"train": 2, "test": 1, "val": 1})) == ("coco", "val")
    assert evaluated_part(voc_folder(tmp_path / "c", {"trainval": 1, "test": 1})) == ("voc", "test")
    with pytest.raises(SpecError, match=r"must have one evaluated part, .* begins with val or test; it has a, b"):
        evaluated_part(coco_folder(tmp_path / "d", {"a": 1, "b": 1}))
    with pytest.raises(SpecError, match="as in COCO's layout"):
        evaluated_part(tmp_path)


def _changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("written", ["{part}/{name}", "{part}\\{name}", "sub\\{name}", "sub/{name}"])
def test_images_may_be_named_from_the_data_sets_folder_and_as_on_windows(tmp_path: Path, written: str) -> None:
    root = coco_folder(tmp_path, {"train": 2, "val": 2})
    for part in ("train", "val"):
        folder = root / part / ("sub" if "sub" in written else ".")
        folder.mkdir(exist_ok=True)
        for path in list((root / part).glob("*.png")):
            path.rename(folder / path.name)
        path = root / "annotations" / f"instances_{part}.json"
        document = json.loads(path.read_text())
        for row in document["images"]:
            row["file_name"] = written.format(part=part, name=row["file_name"])
        path.write_text(json.dumps(document))
    assert [path.name for path in scan(root).train] == ["0.png", "1.png"]
    assert index(root, "train", None, masks=False).image(1).size == (40, 36)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["categories"].pop(), "the categories of instances_train.json and instances_val.json .* differ"),
        (lambda d: d.pop("images"), "the images of a COCO instances file cannot be read"),
        (
            lambda d: d["images"][0].update(file_name="../../x.png"),
            "names the image '../../x.png', which is not below .*val",
        ),
        (lambda d: d["images"][0].update(file_name="/x.png"), "instances_val.json names the image '/x.png'"),
        (lambda d: d["images"][0].update(file_name="gone.png"), "gone.png cannot be read: No such file"),
        (lambda d: d["images"][0].update(file_name="\ud800.png"), "names the image"),
        (lambda d: d["images"].clear(), "has no images"),
        (lambda d: d["categories"].append(d["categories"][0]), "or two of one id"),
        (lambda d: d.update(categories=[1]), "the categories of a COCO instances file cannot be read"),
    ],
)
def test_wrong_coco_files_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str) -> None:
    root = coco_folder(tmp_path, {"train": 2, "val": 2})
    _changed(root / "annotations" / "instances_val.json", change)
    with pytest.raises(SpecError, match=words):
        scan(root)


def test_parts_must_be_clear(tmp_path: Path) -> None:
    one = coco_folder(tmp_path / "one", {"train": 1})
    with pytest.raises(SpecError, match=r"must have one training part and one evaluated part.* has train$"):
        scan(one)
    three = voc_folder(tmp_path / "three", {"train": 1, "train2": 1, "val": 1})
    with pytest.raises(SpecError, match="has train, train2, val"):
        scan(three)


def test_classes_that_look_like_one_and_images_in_both_lists_are_told(tmp_path: Path) -> None:
    root = voc_folder(tmp_path, {"train": 3, "val": 2})
    assert scan(root).notes == ()
    path = root / "Annotations" / "train0.xml"
    path.write_text(path.read_text().replace("cup", "Cup"))
    lists = root / "ImageSets" / "Main"
    (lists / "val.txt").write_text((lists / "val.txt").read_text() + "\ntrain1\n")
    assert scan(root).notes == (
        "'Cup' and 'cup' are two classes",
        "1 evaluated image is also trained on, such as train1",
    )
    coco = coco_folder(tmp_path / "coco", {"train": 1, "val": 1})
    for part in ("train", "val"):
        _changed(
            coco / "annotations" / f"instances_{part}.json", lambda d: d["categories"].append({"id": 9, "name": "cup"})
        )
    assert scan(coco).notes == ("'cup' and 'cup' are two classes",)


def test_wrong_voc_files_are_refused(tmp_path: Path) -> None:
    root = voc_folder(tmp_path, {"train": 2, "val": 2})
    (root / "Annotations" / "train0.xml").write_text("<annotation><object/></annotation>")
    with pytest.raises(SpecError, match=r"train0.xml has an object without a name"):
        scan(root)
    (root / "Annotations" / "train0.xml").write_text("<annotation")
    with pytest.raises(SpecError, match=r"train0.xml is not XML"):
        scan(root)
    (root / "JPEGImages" / "val1.png").unlink()
    with pytest.raises(SpecError, match=r"JPEGImages lacks 1 image of the lists: 'val1'"):
        scan(root)


def test_voc_files_in_other_encodings_and_names_with_blanks_are_read(tmp_path: Path) -> None:
    root = voc_folder(tmp_path, {"train": 2, "val": 1})
    for folder, suffix in (("JPEGImages", "png"), ("Annotations", "xml")):
        (root / folder / f"train0.{suffix}").rename(root / folder / f"photo 1.{suffix}")
    (root / "ImageSets" / "Main" / "train.txt").write_bytes("photo 1\r\ntrain1\r\n".encode("utf-16"))
    declared = '<?xml version="1.0" encoding="gb2312"?>'
    item = "<object><name>\u732b</name></object>"
    (root / "Annotations" / "photo 1.xml").write_bytes(f"{declared}<annotation>{item}</annotation>".encode("gb2312"))
    found = scan(root)
    assert found.train[0] == root / "JPEGImages" / "photo 1.png"
    assert "\u732b" in found.names
    (root / "Annotations" / "photo 1.xml").write_bytes(b'<?xml version="1.0" encoding="klingon"?><annotation/>')
    with pytest.raises(SpecError, match=r"photo 1.xml is in the encoding klingon, which cannot be read"):
        scan(root)
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(b"train1\ntrain1\n")
    with pytest.raises(SpecError, match=r"train.txt lists train1 2 times"):
        scan(root)
