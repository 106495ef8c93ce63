"""Images for a trained network are prepared as the evaluation prepares them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.grid import Axes, expand
from attnctl.jobs.data import open_data
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.inspect import pictures
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.values import SpecError


def spec(**overrides: str) -> RunSpec:
    made = {name: (value,) for name, value in overrides.items()}
    return expand(Axes(modules=("none",), overrides=made)).specs[0]


@pytest.mark.parametrize("side", ["0", "16"])
def test_the_images_of_the_test_set_are_those_of_the_evaluation(side: str) -> None:
    asked = spec(input_size=side)
    shown = pictures.of_test_set(asked, DataRoots(), 7)
    images, labels = next(iter(open_data(asked, DataRoots(), torch.device("cpu")).evaluate(0, 1)))
    assert isinstance(images, torch.Tensor)
    assert isinstance(labels, torch.Tensor)
    assert torch.equal(pictures.batch(shown, asked, torch.device("cpu")), images[:7])
    assert [picture.label for picture in shown] == labels[:7].tolist()
    assert shown[0].shown().shape == (int(side) or 32,) * 2 + (3,)


def test_the_first_images_of_each_class_are_grouped_by_class() -> None:
    shown = pictures.of_test_set(spec(), DataRoots(), 2, (9, 0))
    assert [picture.label for picture in shown] == [9, 9, 0, 0]
    assert len({picture.name for picture in shown}) == 4
    with pytest.raises(SpecError, match="digits has no class 10"):
        pictures.of_test_set(spec(), DataRoots(), 2, (0, 10))


@pytest.mark.parametrize(
    ("mode", "ending"), [("L", ".png"), ("RGB", ".jpg"), ("RGBA", ".png"), ("P", ".png"), ("1", ".png")]
)
def test_files_of_any_mode_and_size_are_accepted(mode: str, ending: str, tmp_path: Path) -> None:
    grey = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (90, 1)))
    file = tmp_path / f"one{ending}"
    grey.convert(mode).save(file)
    (picture,) = pictures.of_files([file], spec(input_size="16"))
    assert (picture.pixels.shape, picture.pixels.dtype, picture.label) == ((3, 16, 16), torch.uint8, None)
    assert picture.name == file.name
    left, right = picture.pixels[0, :, 0].float().mean(), picture.pixels[0, :, -1].float().mean()
    assert left < right


def test_a_digit_saved_as_a_file_is_read_unchanged(tmp_path: Path) -> None:
    (digit,) = pictures.of_test_set(spec(), DataRoots(), 1)
    Image.fromarray(digit.shown()).convert("L").save(tmp_path / "digit.png")
    (again,) = pictures.of_files([tmp_path / "digit.png"], spec())
    assert torch.equal(again.pixels, digit.pixels)


def test_files_and_the_first_images_of_folders_are_found(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.jpeg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    assert pictures.find_files([tmp_path], 2) == [tmp_path / "a.JPG", tmp_path / "b.png"]
    assert pictures.find_files([tmp_path / "c.jpeg"], 1) == [tmp_path / "c.jpeg"]
    with pytest.raises(SpecError, match="there is no image"):
        pictures.find_files([Path("nowhere.png")], 1)
    with pytest.raises(SpecError, match="contains no images"):
        pictures.find_files([tmp_path / "empty"], 1)
    with pytest.raises(DataError, match=r"b\.png cannot be read: damaged or not an image"):
        pictures.of_files([tmp_path / "b.png"], spec())


def test_images_of_class_folders_are_cropped_as_in_the_evaluation(tmp_path: Path) -> None:
    from attnctl.jobs.data.crops import to_pixels
    from attnctl.jobs.data.images import transforms

    wide = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    wide.save(tmp_path / "photo.png")
    imagenet = expand(Axes(modules=("none",), datasets=("imagenet",), backbones=("resnet18",))).specs[0]
    (picture,) = pictures.of_files([tmp_path / "photo.png"], imagenet)
    assert torch.equal(picture.pixels, transforms("none", 224)[1](to_pixels(wide)))


def test_images_of_a_detection_or_segmentation_set_have_their_annotations() -> None:
    for model, dataset in (("ssdlite320", "digits-det"), ("maskrcnn", "digits-det"), ("deeplabv3", "digits-seg")):
        (asked,) = expand(Axes(modules=("none",), models=(model,), datasets=(dataset,))).specs
        (picture,) = pictures.of_test_set(asked, DataRoots(), 1)
        truth = picture.truth
        assert truth is not None
        height, width = picture.pixels.shape[1:]
        if model == "deeplabv3":
            assert truth.classes is not None
            assert truth.classes.shape == (height, width)
            assert 0 < truth.classes.max() <= 10
            continue
        assert len(truth.boxes) == len(truth.labels) > 0
        assert ((truth.boxes[:, 2:] <= (width, height)) & (truth.boxes[:, :2] >= 0)).all()
        assert (truth.masks is not None) == (model == "maskrcnn")
        for box, mask in zip(truth.boxes, truth.masks if truth.masks is not None else (), strict=False):
            rows, columns = np.nonzero(mask)
            assert box[0] - 1 <= columns.min() <= columns.max() <= box[2] + 1
            assert box[1] - 1 <= rows.min() <= rows.max() <= box[3] + 1
