"""Images are read in their annotated size or refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.images import decode
from attnctl.jobs.data.sizes import ImageSizeError, StoredSize, as_annotated, check_size, read_stored


def photo(path: Path, orientation: int, size: tuple[int, int] = (60, 40)) -> Path:
    """A JPEG with a bright upper left corner as stored, and an EXIF orientation."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[: size[1] // 2, : size[0] // 2] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(path, exif=exif)
    return path


def read(path: Path, annotated: tuple[int, int] | None) -> Image.Image:
    return as_annotated(decode(path.read_bytes, str(path)), str(path), annotated)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_rotated_by_exif_if_that_gives_the_annotated_size(tmp_path: Path, orientation: int) -> None:
    path = photo(tmp_path / "a.jpg", orientation)
    stored = read_stored(path)
    assert stored == StoredSize((40, 60), orientation)
    assert stored.needs_rotation((60, 40)) == (orientation > 4)
    assert not stored.needs_rotation((40, 60))
    plain = np.asarray(decode(path.read_bytes, "a"))
    assert np.array_equal(np.asarray(read(path, (40, 60))), plain)  # as stored, whatever EXIF says
    assert np.array_equal(np.asarray(read(path, None)), plain)
    if orientation > 4:
        with Image.open(path) as image:
            upright = np.asarray(ImageOps.exif_transpose(image))
        assert np.array_equal(np.asarray(read(path, (60, 40))), upright)
    else:
        with pytest.raises(ImageSizeError):
            read(path, (60, 40))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_images_of_any_mode_are_rotated(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (60, 40))
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = 8
    image.save(tmp_path / "a.png", exif=exif)
    assert read(tmp_path / "a.png", (60, 40)).size == (40, 60)


@pytest.mark.parametrize("annotated", [(400, 600), (20, 30), (41, 60), (40, 59)])
def test_a_wrong_size_is_an_error_with_both_sizes(tmp_path: Path, annotated: tuple[int, int]) -> None:
    path = photo(tmp_path / "a.jpg", 6)
    with pytest.raises(ImageSizeError) as caught:
        read(path, annotated)
    finding = f"{path} is 60x40 pixels, but its annotation says {annotated[1]}x{annotated[0]}"
    assert (caught.value.size, caught.value.problem) == ((40, 60), finding)
    assert str(caught.value).startswith(f"{finding}, so its boxes do not fit; `attnctl data check DATASET --images`")
    with pytest.raises(ImageSizeError):
        check_size(read_stored(path), str(path), annotated)


def test_damaged_exif_data_is_ignored(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 6)
    path.write_bytes(path.read_bytes().replace(b"Exif\0\0MM\0*", b"Exif\0\0ZZ\0*"))
    assert read_stored(path) == StoredSize((40, 60), 1)
    assert read(path, (40, 60)).size == (60, 40)
    with pytest.raises(ImageSizeError):
        read(path, (60, 40))


def test_a_file_that_is_not_an_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>")
    with pytest.raises(DataError, match=r"a\.jpg cannot be read: damaged or not an image"):
        read_stored(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"b\.jpg cannot be read: .*No such file"):
        read_stored(tmp_path / "b.jpg")
    os.mkfifo(tmp_path / "c.jpg")
    with pytest.raises(DataError, match=r"c\.jpg cannot be read: .*not a regular file"):
        read_stored(tmp_path / "c.jpg")
