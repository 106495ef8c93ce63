"""The images on which a trained network is evaluated, with the classes that the network means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl import own_data
from attnctl.grid import Axes, expand
from attnctl.jobs.data import evaluated, load_splits
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.inspect.pictures import preparation
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.values import SpecError

ROOTS = DataRoots()


def spec(**fields: str) -> RunSpec:
    overrides = {name: (value,) for name, value in fields.items()}
    (found,) = expand(Axes(modules=("none",), datasets=("digits",), overrides=overrides)).specs
    return found


def write_digits(folder: Path, *, classes: range = range(10), each: int = 2) -> None:
    """The first test digits of each class, as files of class folders."""
    from attnctl.datasets import describe

    test = load_splits(describe("digits"), ROOTS).test
    for number in classes:
        (folder / str(number)).mkdir(parents=True)
        for index in (test.labels == number).nonzero()[:each, 0].tolist():
            Image.fromarray(test.images[index].permute(1, 2, 0).numpy()).save(folder / str(number) / f"{index}.png")


def test_the_test_images_are_those_of_the_training(tmp_path: Path) -> None:
    run = spec()
    found = evaluated.open_named(run, "digits", "test", ROOTS, preparation(run))
    (part,) = found.parts
    assert (len(part.images.labels), part.corruption, len(found.classes)) == (360, "", 10)
    sizes = [tuple(batch.shape) for batch in part.images.batches(200)]
    assert sizes == [(200, 3, 32, 32), (160, 3, 32, 32)]


def test_held_out_images_are_told_from_those_of_the_training() -> None:
    run = spec(val_split="0.25")
    parts = {
        which: evaluated.open_named(run, "digits", which, ROOTS, preparation(run)).parts[0].images
        for which in ("train", "val")
    }
    names = {which: {part.name(k) for k in range(len(part.labels))} for which, part in parts.items()}
    assert (len(names["train"]), len(names["val"])) == (1078, 359)
    assert names["train"].isdisjoint(names["val"])
    with pytest.raises(SpecError, match="held out no images of digits from its training; --split val needs val_split"):
        evaluated.open_named(spec(), "digits", "val", ROOTS, preparation(run))


def test_a_folder_of_the_test_images_gives_the_same_pixels(tmp_path: Path) -> None:
    write_digits(tmp_path)
    run = spec()
    found = evaluated.open_folder(run, tmp_path, ROOTS, preparation(run))
    (part,) = found.parts
    assert found.classes == tuple("0123456789")
    assert part.images.labels.tolist() == np.repeat(range(10), 2).tolist()
    from attnctl.datasets import describe

    test = load_splits(describe("digits"), ROOTS).test
    (images,) = part.images.batches(64)
    index = int(Path(part.images.name(5)).stem)
    assert torch.equal(images[5], test.images[index])


def test_corruptions_and_severities_are_found_at_any_depth(tmp_path: Path) -> None:
    for place in ("noise/shot/1", "noise/shot/3", "blur/5"):
        write_digits(tmp_path / place, each=1)
    run = spec()
    parts = evaluated.open_folder(run, tmp_path, ROOTS, preparation(run)).parts
    assert [(part.corruption, part.severity) for part in parts] == [("blur", 5), ("shot", 1), ("shot", 3)]
    assert all(len(part.images.labels) == 10 for part in parts)


def test_a_data_set_with_parts_gives_its_test_part(tmp_path: Path) -> None:
    write_digits(tmp_path / "train", each=3)
    write_digits(tmp_path / "val", each=1)
    run = spec()
    assert len(evaluated.open_folder(run, tmp_path, ROOTS, preparation(run)).parts[0].images.labels) == 10


def test_other_classes_are_refused(tmp_path: Path) -> None:
    run = spec()
    write_digits(tmp_path / "few", classes=range(7))
    with pytest.raises(SpecError, match="has 7 class folders instead of 10"):
        evaluated.open_folder(run, tmp_path / "few", ROOTS, preparation(run))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match="contains no class folders with images"):
        evaluated.open_folder(run, tmp_path / "empty", ROOTS, preparation(run))
    for name, message in (
        ("digits-det", "images of digits-det have no single class"),
        ("digitz", "unknown dataset 'digitz'"),
    ):
        with pytest.raises(SpecError, match=message):
            evaluated.open_named(run, name, "test", ROOTS, preparation(run))


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    write_digits(tmp_path)
    file = next((tmp_path / "3").iterdir())
    file.write_bytes(file.read_bytes()[:60])
    run = spec()
    (part,) = evaluated.open_folder(run, tmp_path, ROOTS, preparation(run)).parts
    with pytest.raises(DataError, match=f"{file.name} cannot be read: damaged"):
        list(part.images.batches(8))


def test_the_folder_of_the_training_gives_only_the_images_that_it_left_out(tmp_path: Path) -> None:
    write_digits(tmp_path / "mine", each=10)
    (run,) = expand(Axes(modules=("none",), datasets=(str(tmp_path / "mine"),), backbones=("resnet20",))).specs
    roots = DataRoots(folders={own_data.stem(run.dataset): tmp_path / "mine"})
    named = evaluated.open_named(run, run.dataset, "test", roots, preparation(run))
    folder = evaluated.open_folder(run, tmp_path / "mine", roots, preparation(run))
    assert named.content() == folder.content()
    assert 0 < len(folder.parts[0].images.labels) < 100
    train = evaluated.open_named(run, run.dataset, "train", roots, preparation(run)).parts[0].images
    assert len(train.labels) + len(folder.parts[0].images.labels) == 100
