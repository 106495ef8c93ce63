"""Image files as a stream of batches."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.data.stream import open_stream
from tests.jobs.data.conftest import MakeSpec
from tests.jobs.data.imagenet_files import SMALL, Opener, opener, same
from tests.jobs.data.published import image_folders, image_shards

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folders(tmp_path_factory.mktemp("imagenet"))


@pytest.fixture
def opened(make_spec: MakeSpec, folders: Path) -> Iterator[Opener]:
    with opener(make_spec, folders) as open_it:
        yield open_it


def test_batches_have_the_documented_shapes(opened: Opener) -> None:
    data = opened(input_size=0)
    images, labels = next(data.train(0, range(2), 1))
    assert images.shape == (2, 3, 224, 224)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert data.steps_per_epoch == 18 // 4
    assert data.evaluation_size == 12


def test_workers_interruptions_and_the_number_of_processes_change_nothing(opened: Opener) -> None:
    whole = list(opened(cutmix=1.0).train(0, range(2), 8))
    assert same(opened(cutmix=1.0, workers=2).train(0, range(2), 8), whole)
    assert same(opened(cutmix=1.0, workers=1).train(5, range(2), 8), whole[10:])
    halves = [list(opened(cutmix=1.0).train(0, range(r, r + 1), 8)) for r in range(2)]
    assert same(itertools.chain(*zip(*halves, strict=True)), whole)
    assert not same(opened(cutmix=1.0, seed=1).train(0, range(2), 8), whole)


def test_worker_processes_outlive_epochs_and_evaluations(opened: Opener) -> None:
    data, alone = opened(workers=1), opened()
    for start in (0, 4):
        assert same(data.train(start, range(2), start + 4), alone.train(start, range(2), start + 4))
        assert same(data.evaluate(0, 1), alone.evaluate(0, 1))
    early = data.train(0, range(2), 8)
    next(early)
    assert isinstance(early, Generator)
    early.close()  # what was loaded ahead of it must not come out later
    assert same(data.train(3, range(2), 4), alone.train(3, range(2), 4))


def test_loading_does_not_change_the_networks_random_numbers(opened: Opener) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    for workers in (0, 1):
        torch.manual_seed(1)
        list(opened(workers=workers).train(0, range(1), 2))
        assert torch.equal(torch.rand(3), expected)


def test_a_training_image_is_torchvisions_transform_of_the_file(opened: Opener, folders: Path) -> None:
    data = opened(augment="none", input_size=40)
    plain = v2.Compose([v2.Resize(46), v2.CenterCrop(40), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    normalise = v2.Normalize(SMALL.mean, SMALL.std)
    expected = {}
    for path in sorted(folders.glob("train/*/*.JPEG")):
        with Image.open(path) as image:
            expected[path.name] = normalise(plain(image.convert("RGB")))
    images = torch.cat([images for images, _ in data.train(0, range(2), 4)])
    level = 1.01 / 255 / min(SMALL.std)
    matches = [
        [name for name, other in expected.items() if torch.allclose(image, other, atol=level)] for image in images
    ]
    assert all(len(match) == 1 for match in matches)
    assert len({match[0] for match in matches}) == 16


@pytest.mark.parametrize("world", [1, 2, 5])
def test_evaluation_is_complete_and_disjoint_for_any_number_of_processes(opened: Opener, world: int) -> None:
    data = opened()
    whole = torch.cat([images for images, _ in data.evaluate(0, 1)])
    shares = [images for rank in range(world) for images, _ in data.evaluate(rank, world)]
    rows = sorted(image.numpy().tobytes() for share in shares for image in share)
    assert rows == sorted(image.numpy().tobytes() for image in whole)
    assert len(set(rows)) == data.evaluation_size


def test_shards_yield_the_same_batches_as_class_folders(opened: Opener, folders: Path, tmp_path: Path) -> None:
    shards = opened(image_shards(tmp_path / "shards", folders), workers=1)
    plain = opened()
    assert same(shards.train(0, range(2), 5), plain.train(0, range(2), 5))
    assert same(shards.evaluate(0, 1), plain.evaluate(0, 1))


def test_a_validation_split_comes_out_of_the_training_part(opened: Opener) -> None:
    first, second = opened(val_split=1 / 3), opened(val_split=1 / 3, seed=4)
    assert first.evaluation_size == 6
    assert first.steps_per_epoch == 12 // 4
    assert same(first.evaluate(0, 1), second.evaluate(0, 1))
    assert torch.cat([labels for _, labels in first.evaluate(0, 1)]).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_a_damaged_image_is_a_one_line_error_naming_the_file(
    opened: Opener, tmp_path: Path, workers: int, damage: str
) -> None:
    root = image_folders(tmp_path / "imagenet")
    victim = root / "val" / "n00000001" / "n00000001_2.JPEG"
    content = victim.read_bytes()
    victim.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"<html>"}[damage])
    with pytest.raises(DataError) as caught:
        list(opened(root, workers=workers).evaluate(0, 1))
    assert str(caught.value) == f"{victim} cannot be read: damaged or not an image"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_deleted_image_is_missing_data_with_the_systems_message(opened: Opener, tmp_path: Path, workers: int) -> None:
    root = image_folders(tmp_path / "imagenet")
    data = opened(root, workers=workers)
    (root / "val" / "n00000000" / "n00000000_0.JPEG").unlink()
    with pytest.raises(MissingDataError, match=r"n00000000_0.JPEG cannot be read: .*No such file"):
        list(data.evaluate(0, 1))


def workers_of(me: set[int | None]) -> set[int | None]:
    return {child.pid for child in multiprocessing.active_children()} - me


def test_workers_ignore_the_schedulers_signals_and_end_with_the_data(opened: Opener) -> None:
    before = workers_of(set())
    data = opened(workers=2)
    batches = data.train(0, range(2), 8)
    next(batches), next(batches)  # one from each worker: both have begun
    workers = workers_of(before)
    assert len(workers) == 2
    scheduler = (
        "import os, sys; [os.kill(int(pid), int(n)) for n in sys.argv[1].split() for pid in sys.argv[2].split()]"
    )
    signals = f"{signal.SIGTERM:d} {signal.SIGUSR2:d} {signal.SIGINT:d}"
    subprocess.run([sys.executable, "-c", scheduler, signals, " ".join(map(str, workers))], check=True)
    assert len(list(batches)) == 14
    data.close()
    assert workers_of(before) == set()


def test_closing_ends_the_workers_of_an_iterator_that_is_still_in_use(opened: Opener) -> None:
    before = workers_of(set())
    data = opened(workers=2)
    batches, shares = data.train(0, range(2), 8), data.evaluate(0, 1)
    next(batches)
    next(shares)
    assert len(workers_of(before)) == 4
    data.close()
    assert workers_of(before) == set()


def test_an_unresponsive_worker_ends_on_sigterm_from_the_rank(opened: Opener) -> None:
    before = workers_of(set())
    data = opened(workers=1)
    next(data.train(0, range(2), 8))
    (child,) = [child for child in multiprocessing.active_children() if child.pid not in before]
    child.terminate()
    child.join(5)
    assert child.exitcode == 0


def test_an_augmentation_for_data_sets_in_memory_is_an_error(opened: Opener) -> None:
    with pytest.raises(
        DataError, match="augment=crop-flip is for data sets in memory; for image files, use none or imagen"
    ):
        opened(augment="crop-flip")


def test_a_run_whose_images_were_read_otherwise_is_refused(make_spec: MakeSpec, folders: Path) -> None:
    spec = make_spec("imagenet", augment="imagenet")
    older = dataclasses.replace(spec, versions=dataclasses.replace(spec.versions, dataset=1))
    assert older.id != spec.id
    words = "this run was planned for version 1 of imagenet, and this attnctl reads version 101, whose pixels differ: "
    with pytest.raises(DataError, match=f"^{words}sweep again, which plans a new run$"):
        open_stream(older, SMALL, folders, CPU, workers=0, stage=False)
