"""The data sets of objects and of class maps."""

from __future__ import annotations

import pytest

from attnctl.datasets import Dataset
from attnctl.datasets.detection import SCENES


@pytest.mark.parametrize("dataset", SCENES, ids=lambda dataset: dataset.name)
def test_each_data_set_has_objects_or_class_maps_and_images_of_any_size(dataset: Dataset) -> None:
    assert set(dataset.tasks) <= {"detect", "instance", "segment"}
    assert ("segment" in dataset.tasks) != ("detect" in dataset.tasks)
    assert dataset.layout in {"voc", "coco", "embedded"}
    if dataset.layout != "embedded":
        assert dataset.train_parts
        assert dataset.test_parts
        assert not set(dataset.train_parts) & set(dataset.test_parts)


def test_of_class_maps_the_background_is_a_class() -> None:
    sizes = {dataset.name: dataset.classes for dataset in SCENES}
    assert (sizes["digits-det"], sizes["digits-seg"]) == (10, 11)
    assert (sizes["voc07"], sizes["coco"]) == (20, 80)


def test_class_names_are_built_in_if_the_files_lack_them() -> None:
    voc = next(dataset for dataset in SCENES if dataset.name == "voc07")
    assert (voc.names[0], voc.names[-1], len(voc.names)) == ("aeroplane", "tvmonitor", 20)
