from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attnctl.datasets import image_statistics
from attnctl.datasets.image_statistics import measure
from attnctl.values import SpecError
from tests.fixtures.image_folder import image


def test_mean_and_deviation_are_those_of_the_pixels_and_each_image_counts_alike(tmp_path: Path) -> None:
    sizes, colours = [(10, 20), (40, 30), (50, 50)], [(255, 0, 51), (0, 0, 51), (255, 0, 51)]
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    for path, size, colour in zip(paths, sizes, colours, strict=True):
        Image.new("RGB", size, colour).save(path)
    found = measure(paths)
    assert (found.side, found.measured, found.unreadable) == (30, 3, ())
    assert found.mean == (0.667, 0.0, 0.2)
    assert found.std == (0.471, 0.01, 0.01)  # a deviation is never 0


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_images_of_all_modes_are_measured_as_rgb(tmp_path: Path, mode: str) -> None:
    found = measure([image(tmp_path / f"1.{'jpg' if mode == 'CMYK' else 'png'}", mode=mode)])
    assert found.side == 36
    assert all(0.2 < value < 0.8 for value in found.mean)


def test_sixteen_bits_are_measured_as_eight(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 40), 128 << 8, np.uint16)).save(tmp_path / "1.png")
    assert measure([tmp_path / "1.png"]).mean == (0.502, 0.502, 0.502)


def test_a_large_image_is_measured_at_a_fraction_of_its_size(tmp_path: Path) -> None:
    stripes = np.zeros((1040, 1200, 3), np.uint8)
    stripes[:520] = 255
    Image.fromarray(stripes).save(tmp_path / "1.png")
    found = measure([tmp_path / "1.png"])
    assert (found.side, found.mean, found.std) == (1040, (0.5,) * 3, (0.5,) * 3)


def test_a_very_long_image_takes_little_more_memory_than_its_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (200, 20_000), (255, 0, 51)).save(tmp_path / "1.png")
    tracemalloc.start()
    found = measure([tmp_path / "1.png"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.side, found.mean) == (200, (1.0, 0.0, 0.2))
    assert peak < 4 << 20  # NumPy's part; the 4,000,000 pixels as numbers would be 96 MB


def test_unreadable_images_are_told(tmp_path: Path) -> None:
    good, empty, text = image(tmp_path / "1.png"), tmp_path / "2.png", tmp_path / "3.png"
    empty.touch()
    text.write_text("hello")
    found = measure([good, empty, text])
    assert (found.measured, found.unreadable) == (1, (empty, text))
    assert found.note.startswith(f"2 of 3 images cannot be read, such as {empty}; a run ends when it meets one")
    with pytest.raises(SpecError, match=r"none of 2 images can be read, such as .*2\.png"):
        measure([empty, text])


def test_of_many_images_a_sample_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_statistics, "SAMPLED", 4)
    paths = [image(tmp_path / f"{k}.png", k) for k in range(9)]
    assert measure(paths).measured == 4
    assert measure(paths) == measure(paths)
