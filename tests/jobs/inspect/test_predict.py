"""What networks find on images: as the network itself says it, in the image's own pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from faster_coco_eval.core import mask as rle
from PIL import Image

from attnctl.jobs.data import open_data
from attnctl.jobs.inspect import pictures
from attnctl.jobs.inspect.predict import Classified, Detected, Mapped, class_names, predict
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.conftest import Train
from tests.jobs.inspect.untrained import loaded


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """An image of another size and shape than the data set's."""
    file = tmp_path / "photo.png"
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(0, 255, (90, 170, 3), dtype=np.uint8)).save(file)
    return file


@pytest.mark.parametrize("model", ["ssdlite320", "maskrcnn"])
def test_predicted_objects_are_the_networks_output_above_the_threshold(
    workspace: Workspace, photo: Path, model: str
) -> None:
    found = loaded(workspace, model, "se")
    (picture,) = pictures.of_files([photo], found.spec)
    assert picture.pixels.shape == (3, 90, 170)
    with torch.inference_mode():
        (output,) = found.network([picture.pixels / 255])
    threshold = float(output["scores"].median())
    objects = predict(found, picture, threshold)
    assert isinstance(objects, Detected)
    sure = output["scores"] >= threshold
    assert 0 < sure.sum() <= len(sure)
    order = output["scores"][sure].argsort(descending=True, stable=True)
    for ours, name in ((objects.boxes, "boxes"), (objects.labels, "labels"), (objects.scores, "scores")):
        np.testing.assert_array_equal(ours, output[name][sure][order])
    assert objects.boxes[:, 2].max() > 100  # of 170, though the network saw fewer
    if model == "maskrcnn":
        np.testing.assert_array_equal(objects.masks, output["masks"][sure][order][:, 0] > 0.5)
        assert objects.masks is not None
        assert objects.masks.shape[1:] == (90, 170)
    else:
        assert objects.masks is None
    nothing = predict(found, picture, 1.0)
    assert isinstance(nothing, Detected)
    assert (len(nothing.labels), nothing.summary(class_names(found.spec))) == (0, "nothing")


def test_a_predicted_class_map_is_the_networks_output(workspace: Workspace, photo: Path) -> None:
    found = loaded(workspace, "deeplabv3", "ela")
    (picture,) = pictures.of_files([photo], found.spec)
    with torch.inference_mode():
        logits = found.network(pictures.batch([picture], found.spec, found.device))["out"]
    mapped = predict(found, picture, 0.5)
    assert isinstance(mapped, Mapped)
    np.testing.assert_array_equal(mapped.classes, logits[0].argmax(0))
    assert mapped.classes.shape == (90, 170)


@pytest.mark.parametrize("model", ["ssdlite320", "deeplabv3"])
def test_the_images_of_the_test_set_are_those_of_the_evaluation(workspace: Workspace, model: str) -> None:
    found = loaded(workspace, model)
    shown = pictures.of_test_set(found.spec, DataRoots(), 3)
    data = open_data(found.spec, DataRoots(), found.device)
    images = next(iter(data.evaluate(0, 1)))[0]
    data.close()
    for picture, image in zip(shown, images, strict=False):
        assert torch.equal(pictures.batch([picture], found.spec, found.device)[0], image)
    assert [picture.name for picture in shown] == ["canvas 601", "canvas 602", "canvas 603"]
    with pytest.raises(SpecError, match="objects of several classes"):
        pictures.of_test_set(found.spec, DataRoots(), 3, (1,))


def test_a_classifier_gives_the_probability_of_each_class(trained: Train) -> None:
    found = trained("none")
    names = class_names(found.spec)
    for picture in pictures.of_test_set(found.spec, DataRoots(), 3):
        with torch.inference_mode():
            expected = found.network(pictures.batch([picture], found.spec, found.device)).softmax(1)[0]
        classified = predict(found, picture, 0.5)
        assert isinstance(classified, Classified)
        np.testing.assert_array_equal(classified.probabilities, expected)
        row = classified.to_json(names)
        best = int(expected.argmax())
        assert (row["class"], row["label"], row["right"]) == (names[best], best, best == picture.label)
        assert row["true_class"] == names[picture.label or 0]
        assert len(row["first"]) == 5
        assert classified.summary(names).startswith(f"{names[best]} {100 * expected[best]:.1f}%")


NAMES = ("cat", "dog", "person")


def test_objects_are_described_as_json_and_text() -> None:
    masks = np.zeros((3, 4, 6), bool)
    masks[0, 1:3, 2:5] = True
    found = Detected(
        np.array([[2, 1, 5, 3], [0, 0, 1.006, 1], [1, 1, 2, 2]], np.float32),
        np.array([2, 3, 2]),
        np.array([0.99, 0.51234, 0.5], np.float32),
        masks,
    )
    first, second, _ = found.to_json(NAMES)["objects"]
    np.testing.assert_array_equal(rle.decode({**first["mask"], "counts": first["mask"]["counts"].encode()}), masks[0])
    del first["mask"], second["mask"]
    assert first == {"class": "dog", "label": 2, "score": 0.99, "box": [2, 1, 5, 3]}
    assert second == {"class": "person", "label": 3, "score": 0.5123, "box": [0, 0, 1.01, 1]}
    assert found.summary(NAMES) == "2 dog, 1 person"


def test_class_maps_are_described_as_json_and_text() -> None:
    found = Mapped(np.array([[0, 0, 2], [0, 2, 0]], np.uint8))
    assert found.to_json(NAMES) == {"classes": {"cat": 0.666667, "person": 0.333333}}
    assert found.summary(NAMES) == "cat 66.7%, person 33.3%"
