"""Images and classes in the Arrow files of `datasets`: what is read, and what is refused by name."""

from __future__ import annotations

import importlib.metadata
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attnctl.datasets import arrow_images, hub
from attnctl.values import SpecError
from tests.fixtures.hub_data import features, needs_pyarrow, png, rows, write_arrow, write_saved

PARTS = {"train": rows(12), "validation": rows(4, 50)}


@needs_pyarrow
def test_images_and_classes_are_those_that_were_saved(tmp_path: Path) -> None:
    train, test = arrow_images.open_parts(hub.scan(write_saved(tmp_path / "saved", PARTS)))
    assert [train.read(number) for number in range(12)] == [content for content, _ in PARTS["train"]]
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1] * 6, [0, 1] * 2)
    assert (train.class_names, train.image, train.label) == (("daisy", "rose"), "image", "label")
    assert train.name(7) == f"{tmp_path / 'saved' / 'train' / 'data-00001-of-00002.arrow'}: row 1"


@needs_pyarrow
def test_some_of_the_images_keep_their_rows_in_another_process(tmp_path: Path) -> None:
    (train,) = arrow_images.open_parts(hub.scan(write_saved(tmp_path / "saved", {"train": rows(12)})))
    some = train.of(np.array([1, 9, 11])).of(np.array([0, 2]))
    some.read(0)
    copy = pickle.loads(pickle.dumps(some))
    assert [copy.read(number) for number in range(2)] == [png(1), png(11)]
    assert copy.labels.tolist() == [1, 1]
    assert len(pickle.dumps(some)) < 2000


@needs_pyarrow
def test_a_class_without_training_images_is_noted_unless_it_is_evaluated(tmp_path: Path) -> None:
    three = features(("daisy", "rose", "tulip"))
    (train,) = arrow_images.open_parts(hub.scan(write_saved(tmp_path / "one", {"train": rows(8)}, three)))
    assert arrow_images.untrained(train) == "no images of tulip"
    parts = {"train": rows(8), "test": [(png(1), 2), (png(2), 0)]}
    with pytest.raises(SpecError, match="train has no images of tulip, but test has"):
        arrow_images.open_parts(hub.scan(write_saved(tmp_path / "two", parts, three)))


LABEL = {"names": ["a", "b"], "_type": "ClassLabel"}


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"image": {"_type": "Image"}}, r"no column of type ClassLabel; its columns are image \(Image\)"),
        ({"image": {"_type": "Value"}, "label": LABEL}, r"no column of type Image; its columns are image \(Value\)"),
        ({"image": {"_type": "Image"}, "label": {"_type": "ClassLabel"}}, "the column label has no names of classes"),
        (features(("daisy",)), "the column label has 1 class; a classifier needs two"),
        (features(("a", "a")), "has no names of classes"),
        ({"label": {"_type": "Image"}, "image": LABEL}, "its images are of type int64, and not the bytes of files"),
        ([], "does not say what its columns are"),
    ],
)
@needs_pyarrow
def test_other_columns_are_refused(tmp_path: Path, described: Any, words: str) -> None:
    folder = hub.scan(write_saved(tmp_path / "saved", PARTS, described))
    with pytest.raises(SpecError, match=words):
        arrow_images.open_parts(folder)


@needs_pyarrow
def test_one_of_several_columns_must_be_named(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", rows(4), {"image": LABEL, "label": LABEL})
    with pytest.raises(SpecError, match="no column of type Image"):
        arrow_images.columns(path)
    both = write_arrow(tmp_path / "b.arrow", rows(4), {"image": {"_type": "Image"}, "label": {"_type": "Image"}})
    with pytest.raises(SpecError, match="2 columns of type Image, image, label; name one after the colon, as in hf:"):
        arrow_images.columns(both)
    with pytest.raises(SpecError, match="no column 'lable' of type Image; did you mean 'label'"):
        arrow_images.columns(both, "lable")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((None, 0), "row 0 of image has no bytes, only the path of a file or nothing; save_to_disk puts"),
        ((png(1), None), "row 0 has no class in label"),
        ((png(1), -1), "row 0 has no class in label"),
        ((png(1), 2), "row 0 has the class 2 of 2 in label"),
    ],
)
@needs_pyarrow
def test_rows_without_image_or_class_are_refused(tmp_path: Path, row: Any, words: str) -> None:
    folder = hub.scan(write_saved(tmp_path / "saved", {"train": rows(8), "test": [row, *rows(3)]}))
    with pytest.raises(SpecError, match=words):
        arrow_images.open_parts(folder)


@needs_pyarrow
def test_damaged_files_are_named(tmp_path: Path) -> None:
    root = write_saved(tmp_path / "saved", PARTS)
    path = root / "train" / "data-00001-of-00002.arrow"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SpecError, match=f"{path} cannot be read: damaged or not an Arrow file"):
        arrow_images.open_parts(hub.scan(root))


@needs_pyarrow
def test_unreadable_images_are_counted(tmp_path: Path) -> None:
    root = write_saved(tmp_path / "saved", {"train": [(b"damaged", 0), *rows(9)]})
    (train,) = arrow_images.open_parts(hub.scan(root))
    seen = arrow_images.measure(train)
    assert seen.side == 36
    words, advice = seen.note.split("; ")
    assert words == f"1 of 10 images cannot be read, such as {train.name(0)}"
    assert advice == "a run ends when it meets one: delete or replace them"
    assert Image.open(io.BytesIO(train.read(1))).size == (40, 36)


@pytest.mark.parametrize("version", ["14.0.0", "9.0.0"])
def test_releases_of_pyarrow_that_run_code_in_files_are_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: version)
    with pytest.raises(SpecError, match=f"pyarrow {version} can run code in the files it reads; install 14.0.1 or"):
        arrow_images.check_installed()


def test_without_pyarrow_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", fail)
    with pytest.raises(SpecError, match="hf: needs pyarrow, which comes with datasets: pip install datasets"):
        arrow_images.check_installed()
