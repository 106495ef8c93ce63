"""Maps of whole numbers: of palettes the numbers, not the colours."""

from __future__ import annotations

import os
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.io import savemat

from attnctl.jobs.data import mat_files
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


def test_a_png_of_another_size_is_refused_before_it_is_decompressed(tmp_path: Path) -> None:
    """Its 81 million pixels take eighty kilobytes in the file."""
    Image.new("L", (9000, 9000)).save(tmp_path / "map.png")
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"map\.png is 9000x9000 pixels, but its image is 4x3"):
        read_map(tmp_path / "map.png", 3, 4)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin < 64 << 10


@pytest.mark.parametrize("values", [NUMBERS.astype(np.int32) - 1, NUMBERS + 0.5, NUMBERS.astype(np.uint16) * 100])
def test_a_matlab_map_of_other_numbers_than_classes_is_named(values: object, tmp_path: Path) -> None:
    savemat(tmp_path / "map.mat", {"GTcls": {"Segmentation": values}})
    with pytest.raises(DataError, match=r"map\.mat .*not a matrix of integers from 0 to 255"):
        read_map(tmp_path / "map.mat", 3, 4)


def test_a_matlab_file_that_declares_a_huge_map_is_one_line_with_its_name(tmp_path: Path) -> None:
    savemat(tmp_path / "map.mat", {"GTcls": {"Segmentation": NUMBERS}})
    small, huge = (np.array(shape, "<i4").tobytes() for shape in ((3, 4), (1 << 30, 1 << 30)))
    content = (tmp_path / "map.mat").read_bytes()
    assert content.count(small) == 1
    (tmp_path / "map.mat").write_bytes(content.replace(small, huge))
    with pytest.raises(DataError, match=r"^\S+map\.mat is damaged .*\(1073741824, 1073741824\) with 12 bytes$"):
        read_map(tmp_path / "map.mat", 3, 4)
    with (tmp_path / "map.mat").open("r+b") as stream:
        stream.truncate(mat_files.LARGEST + 1)
    with pytest.raises(DataError, match=r"^\S+map\.mat is damaged .*more than 64 MiB$"):
        read_map(tmp_path / "map.mat", 3, 4)


@pytest.mark.parametrize("name", ["map.png", "map.mat"])
def test_a_fifo_in_the_place_of_a_map_is_named_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=f"{name} cannot be read: this is not a regular file"):
        read_map(tmp_path / name, 3, 4)
