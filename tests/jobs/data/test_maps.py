"""Maps of whole numbers: of palettes the numbers, not the colours."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
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


def png(bits: int, numbers: npt.NDArray[np.uint8]) -> bytes:
    """A grey PNG of so many bits per pixel, which Pillow cannot write for 2 and 4."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = numbers.shape
    flags = (numbers[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(flags.reshape(height, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_maps_of_few_bits_hold_classes_and_not_shades(tmp_path: Path, bits: int) -> None:
    numbers = NUMBERS & np.uint8((1 << bits) - 1)
    (tmp_path / "map.png").write_bytes(png(bits, numbers))
    assert read_map(tmp_path / "map.png", 3, 4).tolist() == numbers.tolist()


def test_a_map_of_sixteen_bits_is_read_if_its_classes_fit(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS.astype(np.uint16)).save(tmp_path / "map.png")
    assert read_map(tmp_path / "map.png", 3, 4).tolist() == NUMBERS.tolist()
    Image.fromarray(NUMBERS.astype(np.uint16) * 100).save(tmp_path / "map.png")
    with pytest.raises(DataError, match=r"map\.png contains 1100; a class map has at most 255"):
        read_map(tmp_path / "map.png", 3, 4)


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
