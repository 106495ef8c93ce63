"""COCO's annotations as they are read."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from attnctl.datasets import describe
from attnctl.jobs.data import coco
from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.data.outlines import Outlines
from attnctl.jobs.data.pictures import Picture, Reader
from attnctl.jobs.data.scene_data import open_parts
from attnctl.jobs.data.scenes import Scenes, trainable
from tests.jobs.data.scene_files import COCO, coco_document, coco_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coco_folder(tmp_path_factory.mktemp("coco") / "coco")


def masks_of(picture: Picture) -> npt.NDArray[np.uint8]:
    assert picture.masks is not None
    return picture.masks


@pytest.fixture(scope="module")
def train(folder: Path) -> Scenes:
    return open_parts(COCO, folder, "instance").train


def test_labels_are_the_categories_in_the_order_of_their_ids(train: Scenes) -> None:
    assert train.categories == (2, 17, 44)
    assert train.names == ("cat", "dog", "tree")
    assert [train.number(n) for n in range(4)] == [3, 7, 90, 91]
    assert train.table.of(1).labels.tolist() == [3, 1, 1]


def test_the_classes_of_the_descriptor_are_cocos() -> None:
    known = FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
    assert describe("coco").names == tuple(name for name in known if name not in ("__background__", "N/A"))


def test_a_training_uses_valid_objects_and_reports_the_others(train: Scenes) -> None:
    learned, left = trainable(train, masks=True)
    assert learned.tolist() == [0, 1]
    assert left.summary() == (
        "1 box of negative size, 2 boxes outside their image or less than a pixel wide or high, 1 crowd, 1 object "
        f"without a mask, 2 images without objects to train on; the first invalid box: {train.name(0)} "
        "[5.0, 5.0, 5.0, 25.0]"
    )
    assert trainable(train, masks=False)[1].bare == 0
    assert left.cuts() == "1 of 8 boxes is cut at the edge of the image"
    read = Reader(train, training=True, masks=True)
    assert read(0).objects.boxes.tolist() == [[0.5, 1.5, 20.5, 31.75]]
    assert read(1).objects.boxes.tolist() == [[10, 10, 55, 40], [50, 40, 60, 48]]  # cut to the image
    assert masks_of(read(1)).shape == (2, 48, 60)
    assert Reader(train, training=True)(1).objects.labels.tolist() == [3, 1, 1]  # boxes alone need no outline


def test_an_evaluation_keeps_all_published_objects(train: Scenes) -> None:
    read = Reader(train, training=False, masks=True)
    assert read(0).objects.boxes.tolist() == [[0.5, 1.5, 20.5, 31.75], [5, 5, 5, 25], [100, 5, 110, 25]]
    assert read(1).objects.boxes.tolist() == [[10, 10, 55, 40], [50, 40, 80, 70], [1, 1, 10, 10]]
    assert masks_of(read(1)).any((1, 2)).tolist() == [True, True, False]
    assert masks_of(read(2)).shape == (0, 40, 60)
    crowd = read(3)
    assert crowd.objects.crowd.tolist() == [True]
    assert masks_of(crowd)[0, :10, 0].all()
    assert masks_of(crowd).sum() == 10


def test_lines_and_points_are_not_outlines() -> None:
    found = Outlines([[[1.0, 1.0, 5.0, 5.0]], [], [[1.0, 1.0, 5.0, 5.0], [0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]])
    assert found.present.tolist() == [False, False, True]


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    """The document with one value changed, or left out."""
    document = copy.deepcopy(coco_document())
    *way, last = path
    place: Any = document
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["annotations"], None, "lacks 'annotations'"),
        (["images", 0, "file_name"], None, "lacks 'file_name'"),
        (["annotations", 0, "image_id"], 8, "annotation 1 refers to image 8, which is not in the file"),
        (["annotations", 1, "category_id"], 3, "annotation 2 refers to category 3, which is not in the file"),
        (["annotations", 1, "bbox"], [1, 2, 3], r"annotation 2 has bbox \[1, 2, 3\] instead of \[x, y, width"),
        (
            ["annotations", 1, "bbox"],
            [1, 2, float("nan"), 3],
            r"annotation 2 has bbox \[1, 2, nan, 3\], which is not finite",
        ),
        (["annotations", 1, "bbox"], 5, "annotation 2 has bbox 5 instead of"),
        (["annotations", 1, "bbox"], {"x": 1}, "annotation 2 has bbox {.x.: 1} instead of"),
        (["annotations", 1, "bbox"], [1, 2, "wide", 4], "is not a COCO instances file"),
        (["annotations", 1, "segmentation"], [[1, 2, 3, 4, 5, 6, 7]], "instead of x, y pairs"),
        (["categories", 0], None, "it has 2 categories instead of 3"),
        (["images"], [], "it has no images"),
        (["images", 1, "id"], 7, "two of its images have the same id"),
        (["images", 1, "id"], "photo", "image photo has id 'photo' instead of a whole number"),
        (["annotations", 1, "category_id"], 1.5, "annotation 2 has category_id 1.5 instead of a whole number"),
        (["annotations", 1, "iscrowd"], "maybe", "annotation 2 has iscrowd 'maybe' instead of a whole number"),
        (["images", 0, "height"], [], "has height .. instead of a whole number"),
    ],
)
def test_a_faulty_document_is_a_one_line_error_naming_the_file(
    tmp_path: Path, path: list[Any], value: Any, words: str
) -> None:
    root = coco_folder(tmp_path / "coco")
    file = root / "annotations" / "instances_train2017.json"
    file.write_text(json.dumps(changed(path, value)))
    with pytest.raises(DataError, match=words) as caught:
        coco.index(root, "train2017", 3, masks=True)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_numbers_written_as_texts_or_with_a_point_are_the_same_numbers(tmp_path: Path) -> None:
    """In the order of texts "10" would precede "9", and the text "0" would be true."""
    document = coco_document()
    for number, row in enumerate(document["categories"]):
        new = 9 + number
        for annotation in document["annotations"]:
            if annotation["category_id"] == row["id"]:
                annotation["category_id"] = new
        row["id"] = new
    document["annotations"].sort(key=lambda row: row["id"])
    plain = coco_folder(tmp_path / "plain", document)
    texts = copy.deepcopy(document)
    for row in (*texts["categories"], *texts["images"]):
        row["id"] = str(row["id"])
    for row in texts["annotations"]:
        row |= {"image_id": float(row["image_id"]), "category_id": f"{row['category_id']}.0"}
        row["iscrowd"] = str(row.get("iscrowd", 0))
    written = shutil.copytree(plain, tmp_path / "texts")
    (written / "annotations" / "instances_train2017.json").write_text(json.dumps(texts))
    one, other = (coco.index(root, "train2017", 3, masks=False) for root in (plain, written))
    assert (one.names, one.categories, one.files.tolist()) == (other.names, other.categories, other.files.tolist())
    for column, same in zip(*(map(np.asarray, scenes.table.objects) for scenes in (one, other)), strict=True):
        assert column.tolist() == same.tolist()


@pytest.mark.parametrize("text", ["", '{"images": [', "[]", "\xff"])
def test_invalid_json_is_an_error_naming_the_file(tmp_path: Path, text: str) -> None:
    root = coco_folder(tmp_path / "coco")
    (root / "annotations" / "instances_train2017.json").write_bytes(text.encode("latin1"))
    with pytest.raises(DataError, match=r"instances_train2017.json is not (JSON|a COCO instances file)"):
        coco.index(root, "train2017", 3, masks=False)


def test_missing_images_are_named(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "coco")
    for name in ("a.jpg", "empty.jpg"):
        (root / "train2017" / name).unlink()
    with pytest.raises(MissingDataError, match=r"train2017 lacks 2 of its 4 images: a.jpg, empty.jpg"):
        open_parts(COCO, root, "detect")
    (root / "annotations" / "instances_val2017.json").unlink()
    with pytest.raises(DataError, match=r"coco is incomplete in .*: missing annotations/instances_val2017.json"):
        open_parts(COCO, root, "detect")


def test_a_run_length_encoding_of_the_wrong_size_names_the_image(tmp_path: Path) -> None:
    document = changed(["annotations", 6, "segmentation"], {"size": [40, 60], "counts": [2400]})
    train, _ = open_parts(COCO, coco_folder(tmp_path / "coco", document), "instance")
    with pytest.raises(DataError, match=r"the masks of .*crowd.jpg: a run-length encoding is for size \[40, 60\]"):
        Reader(train, training=False, masks=True)(3)
