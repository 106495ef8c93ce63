from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO as Reference  # noqa: N811 - pycocotools' own name
from torchvision.datasets import VOCSegmentation

from attnctl.datasets import describe
from attnctl.jobs.data import voc
from attnctl.jobs.data.canvases import Canvases, canvases
from attnctl.jobs.data.scene_data import open_parts
from attnctl.jobs.data.scenes import ObjectTable, Scenes, make_table
from attnctl.jobs.data.written import colour, write
from attnctl.spec import Task

FEW = 12
Parts = dict[str, Canvases]


def first(scenes: Canvases) -> Canvases:
    """The first few canvases of a part."""
    table = make_table([scenes.table.of(n) for n in range(FEW)], [(128, 128)] * FEW)
    return dataclasses.replace(scenes, images=scenes.images[:FEW], owners=scenes.owners[:FEW], table=table)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return {"train": first(canvases("train")), "val": first(canvases("test"))}


@pytest.fixture(scope="module", params=["coco", "voc"])
def written(request: pytest.FixtureRequest, parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    write(parts, folder, request.param)
    return request.param, folder


def opened(written: tuple[Any, Path], name: str, task: Task) -> dict[str, Scenes]:
    form, folder = written
    described = dataclasses.replace(
        describe(name),
        layout=form,
        train_parts=("train",),
        test_parts=("val",),
        train_size=FEW,
        test_size=FEW,
    )
    return dict(zip(("train", "val"), open_parts(described, folder, task), strict=True))


def test_boxes_and_masks_are_read_back_equal(written: tuple[Any, Path], parts: Parts) -> None:
    for name, read in opened(written, "digits-det", "instance").items():
        made = parts[name]
        assert (len(read), read.names, read.categories) == (len(made), made.names, made.categories)
        assert isinstance(read.table, ObjectTable)
        for index in range(FEW):
            assert np.array_equal(np.asarray(read.image(index)), np.asarray(made.image(index)))
            assert np.array_equal(read.masks(index, 128, 128), made.masks(index, 128, 128))
            found, expected = read.table.of(index)._asdict(), made.table.of(index)._asdict()
            if written[0] == "voc":  # VOC's files have no areas of objects
                del found["area"], expected["area"]
            assert all(np.array_equal(found[key], expected[key]) for key in expected)


def test_class_maps_are_read_back_equal(written: tuple[Any, Path], parts: Parts) -> None:
    for name, read in opened(written, "digits-seg", "segment").items():
        for index in range(FEW):
            assert np.array_equal(read.classes(index, 128, 128), parts[name].classes(index, 128, 128))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_written_files(parts: Parts, tmp_path: Path) -> None:
    write(parts, tmp_path, "coco")
    reference = Reference(str(tmp_path / "annotations" / "instances_val.json"))
    made = parts["val"]
    for index, number in enumerate(sorted(reference.getImgIds())):
        assert number == made.number(index)
        rows = reference.loadAnns(reference.getAnnIds(number))
        assert [row["category_id"] for row in rows] == made.table.of(index).labels.tolist()
        if rows:
            masks = np.stack([reference.annToMask(row) for row in rows])
            assert np.array_equal(masks, made.masks(index, 128, 128))
    text = (tmp_path / "annotations" / "instances_val.json").read_text()
    assert json.loads(text)["categories"][0] == {"id": 1, "name": "0"}


def test_voc_maps_have_vocs_palette(parts: Parts, tmp_path: Path) -> None:
    assert [colour(number) for number in (0, 1, 2, 15, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]
    root = tmp_path / "VOCdevkit" / "VOC2012"
    write(parts, root, "voc")
    for stem in voc.read_list(root / "ImageSets" / "Segmentation" / "val.txt"):  # torchvision wants JPEGs' names
        (root / "JPEGImages" / f"{stem}.png").rename(root / "JPEGImages" / f"{stem}.jpg")
    reference = VOCSegmentation(str(tmp_path), image_set="val")
    for index in range(FEW):
        image, classes = reference[index]
        assert np.array_equal(np.asarray(image), np.asarray(parts["val"].image(index)))
        assert np.array_equal(np.asarray(classes), parts["val"].classes(index, 128, 128))
