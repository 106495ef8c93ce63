"""What is wrong with the entries of COCO's annotation files: all of it, one line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attnctl.jobs.data import coco
from attnctl.jobs.data.coco_rows import find_faults
from attnctl.jobs.data.errors import FaultyFilesError


def document() -> dict[str, Any]:
    return {
        "categories": [{"id": 1, "name": "cup"}],
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
        "annotations": [{"id": k, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4]} for k in range(6)],
    }


def test_a_good_file_has_no_faults() -> None:
    assert find_faults(document()) == []
    assert find_faults([]) == []


def test_every_wrong_annotation_is_named() -> None:
    wrong = document()
    changes: list[dict[str, Any]] = [{"image_id": 7}, {"category_id": "x"}, {"bbox": [1, 2]}, {"bbox": [1, 1, 4, "?"]}]
    for row, change in zip(wrong["annotations"], changes, strict=False):
        row.update(change)
    del wrong["annotations"][4]["bbox"]
    assert find_faults(wrong) == [
        "annotation 0 refers to image 7, which is not in the file",
        "annotation 1 has category_id 'x' instead of a whole number",
        "annotation 2 has bbox [1, 2] instead of [x, y, width, height]",
        "annotation 3: could not convert string to float: '?'",
        "annotation 4 lacks 'bbox'",
    ]


def test_annotations_do_not_repeat_what_is_wrong_with_their_images() -> None:
    wrong = document()
    wrong["images"] = [{"id": None}, {"id": 2}, {"id": 2}, 5]
    assert find_faults(wrong) == [
        "image None has id None instead of a whole number",
        "entry 3 of the image list: 'int' object is not subscriptable",
    ]


def test_reading_a_file_names_the_first_fault_and_keeps_all(tmp_path: Path) -> None:
    wrong = document()
    for row in wrong["annotations"][:3]:
        row["image_id"] = 7
    path = tmp_path / "annotations" / "instances_val.json"
    path.parent.mkdir()
    path.write_text(json.dumps(wrong))
    with pytest.raises(
        FaultyFilesError, match=r"annotation 0 refers to image 7.*2 other entries are also wrong"
    ) as caught:
        coco.index(tmp_path, "val", 1, masks=False)
    assert [f"annotation {k} refers to image 7" in line for k, line in enumerate(caught.value.problems)] == [True] * 3
