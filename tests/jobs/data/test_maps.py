"""Maps of whole numbers: of palettes the numbers, not the colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.maps import read_map

NUMBERS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_palette_and_grey_images_are_read_as_integers(tmp_path: Path) -> None:
    grey = Image.fromarray(NUMBERS)
    grey.save(tmp_path / "grey.png")
    palette = Image.fromarray(NUMBERS)
    palette.putpalette([255 - k // 3 for k in range(768)])
    palette.save(tmp_path / "palette.png")
    for name in ("grey.png", "palette.png"):
        assert read_map(tmp_path / name, 3, 4).tolist() == NUMBERS.tolist()


def test_a_map_of_the_semantic_boundaries_data_set_is_read(tmp_path: Path) -> None:
    savemat(tmp_path / "map.mat", {"GTcls": {"Segmentation": NUMBERS}})
    assert read_map(tmp_path / "map.mat", 3, 4).tolist() == NUMBERS.tolist()


def test_a_map_without_the_size_of_its_image_is_an_error(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS).save(tmp_path / "map.png")
    with pytest.raises(DataError, match=r"map\.png is 4x3 pixels, but its image is 8x6"):
        read_map(tmp_path / "map.png", 6, 8)


def test_a_colour_image_is_not_a_map(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS).convert("RGB").save(tmp_path / "map.png")
    with pytest.raises(DataError, match=r"map\.png is a colour image"):
        read_map(tmp_path / "map.png", 3, 4)


@pytest.mark.parametrize("name", ["map.png", "map.mat"])
@pytest.mark.parametrize("content", [b"", b"neither", None])
def test_a_damaged_or_missing_map_is_named(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_map(tmp_path / name, 3, 4)
