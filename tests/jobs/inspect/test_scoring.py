"""What a network says of an image, and which part of it its backbone sees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from attnctl.jobs.inspect import pictures
from attnctl.jobs.inspect.scoring import classify, input_extent
from attnctl.settings.config import DataRoots
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.untrained import loaded


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("ssdlite320", "64", (64, 64, 64, 64)),  # stretched to the square
        ("yolox_nano", "64", (64, 64, 32, 64)),  # grey below
        ("maskrcnn", "64", (64, 128, 53, 107)),  # padded to multiples of 32
        ("deeplabv3", "64", (90, 180, 90, 180)),  # whole
    ],
)
def test_the_input_extent_of_a_backbone_is_known(
    workspace: Workspace, model: str, size: str, expected: tuple[int, int, int, int], tmp_path: Path
) -> None:
    found = loaded(workspace, model, size=size)
    Image.new("RGB", (180, 90)).save(tmp_path / "wide.png")
    (picture,) = pictures.of_files([tmp_path / "wide.png"], found.spec)
    assert input_extent(found, pictures.batch([picture], found.spec, found.device)) == expected


def test_the_first_class_has_the_most_confident_box_or_the_most_pixels(workspace: Workspace) -> None:
    found = loaded(workspace, "maskrcnn")
    (picture,) = pictures.of_test_set(found.spec, DataRoots(), 1)
    images = pictures.batch([picture], found.spec, found.device)
    with torch.no_grad():
        (output,) = found.network([images[0]])
    said = classify(found, images)
    assert said.first == int(output["labels"][output["scores"].argmax()]) - 1
    assert float(said.confidence.max()) == pytest.approx(float(output["scores"].max()))
    mapped = loaded(workspace, "deeplabv3")
    images = pictures.batch(pictures.of_test_set(mapped.spec, DataRoots(), 1), mapped.spec, mapped.device)
    said = classify(mapped, images)
    assert float(said.confidence.sum()) == pytest.approx(1)
    assert said.first > 0
