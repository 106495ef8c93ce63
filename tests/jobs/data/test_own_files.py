"""The images of a user's own folder as a run reads them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl import datasets
from attnctl.jobs.data import open_data
from attnctl.jobs.data.checking import check, fault_in_files
from attnctl.jobs.data.errors import MissingDataError
from attnctl.jobs.data.own_files import open_own
from attnctl.jobs.data.stream import StreamedData
from attnctl.settings.config import DataRoots
from tests.fixtures.hub_data import needs_pyarrow, rows, write_saved
from tests.fixtures.image_folder import coco_folder, flowers, image, voc_folder
from tests.jobs.data.conftest import MakeSpec
from tests.jobs.data.imagenet_files import same

CPU = torch.device("cpu")


def opened(
    make_spec: MakeSpec, name: str, workers: int = 0, roots: DataRoots | None = None, **recipe: Any
) -> StreamedData:
    chosen: dict[str, Any] = {"batch": 4, "norm_batch": 2, "augment": "imagenet", **recipe}
    spec = make_spec(name, **chosen)
    data = open_data(dataclasses.replace(spec, dataset=name), roots or DataRoots(), CPU, workers)
    assert isinstance(data, StreamedData)
    return data


@pytest.mark.parametrize("parts", [(), ("train", "test")])
def test_workers_and_interruptions_change_nothing(tmp_path: Path, make_spec: MakeSpec, parts: tuple[str, ...]) -> None:
    name = datasets.describe(str(flowers(tmp_path / "flowers", parts=parts))).name
    alone, helped = opened(make_spec, name), opened(make_spec, name, workers=2)
    whole = list(alone.train(0, range(2), 6))
    assert whole[0][0].shape == (2, 3, 32, 32)
    assert same(helped.train(0, range(2), 6), whole)
    assert same(opened(make_spec, name, workers=1).train(3, range(2), 6), whole[6:])
    halves = [opened(make_spec, name).train(0, range(rank, rank + 1), 6) for rank in range(2)]
    assert same([batch for pair in zip(*halves, strict=True) for batch in pair], whole)
    assert same(helped.evaluate(0, 1), alone.evaluate(0, 1))
    helped.close()


def test_a_split_is_stratified_and_a_part_of_the_data_set(tmp_path: Path) -> None:
    root = flowers(tmp_path / "flowers", classes=("a", "b", "c"), each=10)
    parts = {seed: open_own(datasets.describe(f"{root}:test=0.3+seed={seed}"), root) for seed in (0, 1)}
    for train, test in parts.values():
        assert Counter(test.labels.tolist()) == {0: 3, 1: 3, 2: 3}
        assert Counter(train.labels.tolist()) == {0: 7, 1: 7, 2: 7}
        names = [files.name(k) for files in (train, test) for k in range(len(files.labels))]
        assert sorted(names) == sorted(str(path) for path in root.glob("*/*.png"))
    first, other = ([files.name(k) for k in range(9)] for _, files in parts.values())
    assert first != other
    again = open_own(datasets.describe(f"{root}:test=0.3+seed=1"), root)[1]
    assert [again.name(k) for k in range(9)] == other


def test_grey_and_colour_images_of_all_sizes_train_together(tmp_path: Path, make_spec: MakeSpec) -> None:
    root = flowers(tmp_path / "flowers", each=2)
    for k, (mode, size) in enumerate([("L", (8, 8)), ("RGBA", (90, 30)), ("P", (33, 70)), ("1", (64, 64))]):
        for name in ("daisy", "rose"):
            image(root / name / f"{mode} {size[0]}.png", k, mode, size)
    name = datasets.describe(str(root)).name
    batches = [*opened(make_spec, name, augment="none").train(0, range(2), 2)]
    assert all(bool(torch.isfinite(images).all()) for images, _ in batches)


def test_a_local_copy_serves_the_same_images(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, make_spec: MakeSpec
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("disk")))
    name = datasets.describe(str(flowers(tmp_path / "flowers"))).name
    staged = opened(make_spec, name, roots=DataRoots(stage=True))
    assert same(staged.evaluate(0, 1), opened(make_spec, name).evaluate(0, 1))


def test_val_split_holds_out_training_images(tmp_path: Path, make_spec: MakeSpec) -> None:
    name = datasets.describe(str(flowers(tmp_path / "flowers"))).name
    data = opened(make_spec, name, val_split=0.25)
    assert (data.steps_per_epoch, data.evaluation_size) == (3, 4)


def test_changed_and_missing_images_are_errors(tmp_path: Path, make_spec: MakeSpec) -> None:
    root = flowers(tmp_path / "flowers", parts=("train", "val"))
    name = datasets.describe(str(root)).name
    image(root / "val" / "rose" / "1.png", 99)
    with pytest.raises(MissingDataError, match=f"{name}: the images in {root} have changed since the run was planned"):
        opened(make_spec, name)
    (root / "val").rename(root / "elsewhere")
    with pytest.raises(MissingDataError, match=r"missing .*val; set flowers under \[data\]"):
        opened(make_spec, name)
    moved = flowers(tmp_path / "moved", parts=("train", "val"))
    assert opened(make_spec, name, roots=DataRoots(folders={"flowers": moved})).evaluation_size == 20


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("class folders", "have changed since the run was planned"),
        ("coco", "cannot be read: No such file or directory"),
        ("voc", "lacks 1 image of the lists"),
    ],
)
def test_a_run_can_go_on_once_a_missing_image_is_back(tmp_path: Path, layout: str, words: str) -> None:
    make = coco_folder if layout == "coco" else voc_folder
    root = flowers(tmp_path / "own") if layout == "class folders" else make(tmp_path / "own", {"train": 3, "val": 2})
    described = datasets.describe(str(root))
    gone = next(root.rglob("*.png"))
    gone.rename(tmp_path / "aside")
    assert words in fault_in_files(described, DataRoots(), maps=False)
    (tmp_path / "aside").rename(gone)
    assert fault_in_files(described, DataRoots(), maps=False) == ""


@pytest.mark.parametrize("make", [coco_folder, voc_folder])
def test_folders_with_objects_are_read_and_compared(
    tmp_path: Path, make_spec: MakeSpec, make: Callable[[Path, dict[str, int]], Path]
) -> None:
    root = make(tmp_path / "desk", {"train": 4, "val": 2})
    name = datasets.describe(str(root)).name
    spec = dataclasses.replace(make_spec(name, batch=2, norm_batch=2), dataset=name, model="ssdlite320")
    data = open_data(spec, DataRoots(), CPU)
    assert (data.steps_per_epoch, data.evaluation_size) == (2, 2)
    assert len(data.categories) == 2
    assert len(list(data.train(0, range(1), 2))) == 2
    contents = check(datasets.describe(name), DataRoots(), images=True, through=lambda numbers, _: numbers)
    assert [(part.images, part.objects, part.damaged) for part in contents.values()] == [(4, 4, ()), (2, 2, ())]
    image(next(root.rglob("*.png")), 99)
    with pytest.raises(MissingDataError, match=f"{name}: the images in {root} have changed since the run was planned"):
        open_data(spec, DataRoots(), CPU)


@pytest.mark.parametrize("splits", [("train",), ("train", "validation")])
@needs_pyarrow
def test_workers_and_copies_of_a_data_set_of_hugging_face_change_nothing(
    tmp_path: Path, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, splits: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    parts = {split: rows(20, 100 * number) for number, split in enumerate(splits)}
    name = datasets.describe(f"hf:{write_saved(tmp_path / 'flowers', parts)}").name
    whole = list(opened(make_spec, name).train(0, range(2), 3))
    assert same(whole, list(opened(make_spec, name, workers=2).train(0, range(2), 3)))
    assert same(whole, list(opened(make_spec, name, roots=DataRoots(stage=True)).train(0, range(2), 3)))


@needs_pyarrow
def test_a_data_set_of_hugging_face_is_checked(tmp_path: Path) -> None:
    parts = {"train": [(b"damaged", 0), *rows(7)], "validation": rows(4, 50)}
    root = write_saved(tmp_path / "flowers", parts)
    found = datasets.describe(f"hf:{root}")
    checked = check(found, DataRoots(), images=True, through=lambda numbers, _work: numbers)
    assert {part: content.images for part, content in checked.items()} == {"train": 8, "test": 4}
    (line,) = checked["train"].damaged
    assert line.endswith("data-00000-of-00002.arrow: row 0 cannot be read: damaged or not an image")
    (root / "train" / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(MissingDataError, match=r"data-00001-of-00002\.arrow is missing"):
        open_own(found, root)
