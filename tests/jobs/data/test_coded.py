"""The items of users' code as a run reads them, and each way in which they can be wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from attnctl import sources
from attnctl.datasets.image_statistics import sampled
from attnctl.jobs.data import coded
from attnctl.jobs.data.coded import CodedItems
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.images import decode
from tests.fixtures import own_items


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_items.write(tmp_path_factory.mktemp("mine"))


def opened(file: Path, name: str) -> tuple[CodedItems, ...]:
    return coded.open_parts(f"items:{name}", sources.read(file).version, file.parent)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("make", [48, 24]), ("parts", [48, 24]), ("split", [40, 20]), ("one", [60]), ("drawn", [12]), ("Items", [60])],
)
def test_all_forms_are_read(file: Path, name: str, sizes: list[int]) -> None:
    parts = opened(file, name)
    assert [len(part.labels) for part in parts] == sizes
    assert all(part.class_names == ("red", "green", "blue") for part in parts)
    for part in parts:
        for number in (0, len(part.labels) - 1):
            image = decode(lambda: part.read(number), part.name(number))  # noqa: B023 - called at once
            assert image.tobytes() == part.image(number).tobytes()
            assert image.size == (40, 36)
            colour = np.asarray(image).mean(axis=(0, 1)).argmax()
            assert colour == part.labels[number]


def test_a_descriptor_of_arrays_is_read(file: Path) -> None:
    train, test = opened(file, "arrays")
    assert (train.class_names, len(train.labels), len(test.labels)) == (("dark", "light"), 8, 4)
    assert Counter(np.asarray(train.image(1)).flatten().tolist()) == {200: 192}


def test_random_numbers_depend_on_the_item_alone(file: Path) -> None:
    first, again = opened(file, "drawn")[0], opened(file, "drawn")[0]
    images = [first.image(k).tobytes() for k in (3, 4, 3)]
    assert images[0] == images[2] == again.image(3).tobytes()
    assert images[0] != images[1]


def test_the_content_is_that_of_all_items_or_of_a_sample(file: Path) -> None:
    small, large = opened(file, "make"), opened(file, "large")
    whole, some = coded.content(small), coded.content(large)
    assert whole.startswith("sha256:")
    assert some.startswith("sample:")
    assert coded.content(opened(file, "make")) == whole
    assert coded.content([small[0], small[1].of(np.arange(23))]) != whole
    assert coded.content(small[::-1]) != whole
    assert len(sampled(2400, coded.SAMPLED)) == coded.SAMPLED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "items:nothing returns a NoneType; it must return a torch Dataset of"),
        ("iterable", "returns a list_iterator, which can only be iterated over; it needs __len__ and __getitem__"),
        ("keys", "returns a dict with training; it needs train and val"),
        ("value", "returns a dict with a int; its values must be torch Datasets"),
        ("empty", "items:empty: the test part is empty"),
        ("raises", r"items.py:\d+: raises raises RuntimeError: no flowers today"),
        ("raising", r"items:raising: item 7: .*items.py:\d+: .* raises ZeroDivisionError"),
        ("relative", "No such file or directory: 'nowhere.txt'; a function with a parameter `folder` gets the folder"),
        ("triple", "items:triple: item 0 is 3 values; it must be a pair"),
        ("beyond", "items:beyond: item 2 has the label 3; labels are 0 to 2"),
        ("words", "item 0 has the label '0'; it must be a whole number, the class"),
        ("untrained", "class green .label 1. has no training items but test items; labels count from 0"),
        ("gap", "items:gap: class 1 has no training items; labels count from 0"),
        ("renamed", "the classes of the two parts differ: red, green, blue and r, g, b; make them the same"),
        ("relabelled", "item 0 has the label 0, but the list of labels has 2 for it"),
        ("normalised", r"pixels from -2\.\d+ to [\d.]+; they must be uint8, or floats from 0 to 1 .attnctl normalises"),
        ("whole", "item 0 has pixels of type int32; they must be uint8, or floats from 0 to 1"),
        ("flat", r"item 0 has an image of shape \(4320,\); it must be \(height, width, 3\), or with 1 channel"),
        ("path", "item 0 has a str as its image; it must be a PIL image, tensor or array"),
    ],
)
def test_what_is_wrong_is_one_line(file: Path, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        coded.content(opened(file, name))
    assert "\n" not in str(caught.value)
