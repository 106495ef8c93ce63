"""One image file to one tensor."""

from __future__ import annotations

import ast
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torchvision.transforms import v2

from attnctl.datasets.class_folders import IMAGE_FORMATS
from attnctl.jobs.data.crops import to_pixels
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.images import collate, decode, forms_of, read_pixels, transforms
from attnctl.jobs.data.loader import Unreadable
from attnctl.jobs.data.maps import read_map
from attnctl.jobs.data.sizes import read_stored


def encoded(mode: str, ending: str = "PNG") -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(stream, ending)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "1", "LA"])
def test_an_image_of_any_mode_is_converted_to_rgb(mode: str) -> None:
    image = decode(lambda: encoded(mode), "x.png")
    assert (image.mode, image.size) == ("RGB", (30, 20))


DEEP = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)


@pytest.mark.parametrize("ending", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_to_eight(ending: str) -> None:
    stream = io.BytesIO()
    image = Image.fromarray(DEEP)
    (image if ending != "PPM" else Image.fromarray(DEEP.astype(np.int32))).save(stream, ending)
    read = np.asarray(decode(stream.getvalue, "x"))
    assert (read == (DEEP >> 8).astype(np.uint8)[..., None]).all()
    assert forms_of(stream.getvalue()) == ["of 16 bits per pixel, scaled to 8"]


def test_pixels_of_unknown_range_are_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)).save(stream, "TIFF")
    with pytest.raises(DataError, match=r"^x\.tif has pixels of mode F, .*; convert it to 8 or 16 bits per channel$"):
        decode(stream.getvalue, "x.tif")


def test_an_image_is_used_as_stored_and_what_is_dropped_can_be_counted() -> None:
    turned, palette, frames = io.BytesIO(), io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("CMYK", (30, 20), (10, 20, 30, 40)).save(turned, "JPEG", exif=exif)
    Image.new("P", (30, 20), 1).save(palette, "PNG", transparency=b"\0\x80")
    Image.new("L", (30, 20), 1).save(frames, "GIF", save_all=True, append_images=[Image.new("L", (30, 20), 9)])
    for stream, forms in (
        (turned, ["with an EXIF orientation, used as stored"]),
        (palette, ["with transparency, which is dropped"]),
        (frames, ["of several frames, of which the first is used"]),
    ):
        image = decode(stream.getvalue, "x")
        assert (image.mode, image.size, forms_of(stream.getvalue())) == ("RGB", (30, 20), forms)


def test_a_size_that_a_file_declares_is_refused_before_memory_is_taken_for_it() -> None:
    content = bytearray(encoded("RGB"))
    content[16:24] = (9_000_000).to_bytes(4, "big") + (8).to_bytes(4, "big")  # the width and height in PNG's IHDR
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    with pytest.raises(DataError, match=r"^x\.png has 9000000 x 8 pixels; make it smaller, down to 64 million$"):
        decode(lambda: bytes(content), "x.png")


@pytest.mark.parametrize("content", [b"", b"no image", encoded("RGB", "JPEG")[:200], encoded("RGB")[:-40]])
def test_a_damaged_image_is_named(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^x\.png cannot be read: damaged or not an image$"):
        decode(lambda: content, "x.png")


def test_a_file_of_a_format_that_pillow_reads_with_a_program_starts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow gives PostScript to gs, whatever the file is called."""
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"^x\.jpg cannot be read: damaged or not an image$"):
        decode(lambda: content, "x.jpg")
    with pytest.raises(DataError, match=r"x\.jpg cannot be read: damaged or not an image$"):
        read_stored(tmp_path / "x.jpg")
    with pytest.raises(DataError, match=r"x\.jpg cannot be read: damaged or not an image$"):
        read_map(tmp_path / "x.jpg", 10, 10)
    assert not (tmp_path / "ran").exists()


def test_every_image_is_opened_with_the_list_of_formats() -> None:
    root = Path(__file__).parents[3]
    paths = [path for part in ("attnctl", "jobs", "reports") for path in (root / part).rglob("*.py")]
    calls = [
        node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    opened = [ast.unparse(call) for call in calls if ast.unparse(call.func) == "Image.open"]
    assert len(opened) >= 4
    assert [call for call in opened if "formats=IMAGE_FORMATS" not in call] == []


@pytest.mark.parametrize("form", IMAGE_FORMATS)
def test_each_usual_format_is_read_whatever_the_file_is_called(form: str) -> None:
    image = decode(lambda: encoded("RGB", form), "x.jpg")
    assert (image.mode, image.size) == ("RGB", (30, 20))


def test_a_file_system_error_is_reported_with_its_own_message() -> None:
    def gone() -> bytes:
        raise FileNotFoundError(2, "No such file or directory", "x.png")

    with pytest.raises(DataError, match="No such file or directory"):
        decode(gone, "x.png")


def test_the_evaluation_crops_the_centre_of_the_resized_image() -> None:
    _, evaluation = transforms("imagenet", 14)
    columns = np.zeros((16, 32, 3), np.uint8)
    columns[:, 9:23] = 255  # the middle 14 columns; 14 of the 16 rows
    image = evaluation(to_pixels(Image.fromarray(columns)))
    assert (image.shape, image.dtype) == ((3, 14, 14), torch.uint8)
    assert image.min() == 255


def test_without_augmentation_training_images_equal_evaluation_images() -> None:
    training, evaluation = transforms("none", 8)
    image = read_pixels(lambda: encoded("RGB"), "x.png")
    assert torch.equal(training(image), evaluation(image))


def test_an_augmentation_for_data_sets_in_memory_is_refused() -> None:
    with pytest.raises(DataError, match="shift"):
        transforms("shift", 8)


def test_a_batch_contains_images_and_labels_or_the_first_error() -> None:
    one, two = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(3, 4, 4, dtype=torch.uint8)
    batch = collate([(one, 3), (two, 5)])
    assert not isinstance(batch, Unreadable)
    assert (batch[0].shape, batch[1].tolist()) == ((2, 3, 4, 4), [3, 5])
    broken = Unreadable("x.png cannot be read")
    assert collate([(one, 3), broken, Unreadable("another")]) == broken


@pytest.mark.parametrize("resize", ["bilinear", "bicubic"])
def test_evaluated_images_are_scaled_as_the_recipe_says(resize: str) -> None:
    """Pillow's own resize and crop, as torchvision's Resize(side) and CenterCrop(side) do it."""
    image = decode(lambda: encoded("RGB"), "x.png")
    _, evaluation = transforms("imagenet", 14, resize)
    scaled = to_pixels(image.resize((24, 16), Image.Resampling[resize.upper()]).crop((5, 1, 19, 15)))
    assert (evaluation(to_pixels(image)).int() - scaled.int()).abs().max() <= 1


def photo(form: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """An image with smooth and sharp parts, of 375 x 500 pixels as most of ImageNet's."""
    rng = np.random.default_rng(1)
    small = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).resize(
        (500, 375), Image.Resampling.BICUBIC
    )
    small.paste(Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)), (200, 100))
    stream = io.BytesIO()
    small.convert(mode).save(stream, form, **options)
    return stream.getvalue()


KINDS: dict[str, bytes] = {
    "ordinary": photo(quality=78),
    "without subsampling": photo(quality=95, subsampling=0),
    "progressive": photo(progressive=True),
    "grey": photo(mode="L"),
    "CMYK, as 22 files of ILSVRC 2012": photo(mode="CMYK"),
    "PNG, as one file of ILSVRC 2012": photo("PNG"),
    "with transparency": photo("PNG", mode="RGBA"),
    "palette": photo("GIF", mode="P"),
    "uncompressed pixels": photo("PPM"),
    "uncompressed grey pixels": photo("PPM", mode="L"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_in_imagenet_has_the_pixels_that_pillow_reads(kind: str) -> None:
    content = KINDS[kind]
    pixels = read_pixels(lambda: content, "n02105855_2933.JPEG")
    assert torch.equal(pixels, to_pixels(decode(lambda: content, "x")))


def test_damaged_and_hostile_files_have_the_same_errors_whoever_decodes_them() -> None:
    content = photo()
    for damaged in (
        content[:5000],
        content[:-3],
        content[:20],
        photo("PNG")[:-40],
        photo("PPM")[:-1],
        b"",
        b"no image",
    ):
        with pytest.raises(DataError, match=r"^x\.jpg cannot be read: damaged or not an image$"):
            read_pixels(io.BytesIO(damaged).read, "x.jpg")
    where = content.index(b"\xff\xc0") + 5
    large = content[:where] + (9000).to_bytes(2, "big") * 2 + content[where + 4 :]
    with pytest.raises(DataError, match=r"^x\.jpg has 9000 x 9000 pixels; make it smaller, down to 64 million$"):
        read_pixels(lambda: large, "x.jpg")


def reference(content: bytes, transform: v2.Transform) -> torch.Tensor:
    """What torchvision's reference for ImageNet gives, before it is normalised."""
    torch.manual_seed(3)
    with Image.open(io.BytesIO(content)) as image:
        return to_pixels(transform(image.convert("RGB")))


@pytest.mark.parametrize("kind", KINDS)
def test_both_transforms_are_within_one_level_of_torchvisions_reference(kind: str) -> None:
    content = KINDS[kind]
    crops: v2.Transform = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])
    pixels = read_pixels(lambda: content, "x")
    for interpolation in ("bilinear", "bicubic"):
        centre = v2.Compose([v2.Resize(256, v2.InterpolationMode(interpolation)), v2.CenterCrop(224)])
        training, evaluation = transforms("imagenet", 224, interpolation)
        torch.manual_seed(3)
        for ours, theirs in ((training, crops), (evaluation, centre)):
            difference = (ours(pixels).int() - reference(content, theirs).int()).abs()
            assert difference.max() <= (1 if interpolation == "bilinear" else 2)
            assert (difference > 1).float().mean() < 1e-4  # bicubic, at hard edges of a palette
            assert (difference > 0).float().mean() < 0.02
