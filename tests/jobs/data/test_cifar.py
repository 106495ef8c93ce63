from __future__ import annotations

import dataclasses
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnctl.datasets import DATASETS, describe
from attnctl.jobs.data import cifar, open_data
from attnctl.jobs.data.archive import LARGEST_MEMBER, read_archive
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.unpickle import load_restricted
from attnctl.settings.config import DataRoots
from tests.jobs.data.conftest import MakeSpec
from tests.jobs.data.published import (
    cifar10_files,
    cifar100_files,
    cifar_batch,
    python2_pickle,
    write_folder,
    write_tar,
)

CPU = torch.device("cpu")


def test_python_2_batches_are_read_from_their_folder(tmp_path: Path) -> None:
    splits = cifar.load(describe("cifar100"), write_folder(tmp_path / "cifar-100-python", cifar100_files()))
    written = cifar_batch(200, 100, 0, fine=True)
    assert torch.equal(splits.train.images, torch.from_numpy(written[b"data"]).view(-1, 3, 32, 32))
    assert splits.train.labels.tolist() == written[b"fine_labels"]
    assert splits.test.images.shape == (100, 3, 32, 32)


def test_the_five_batches_of_cifar10_are_joined_in_order(tmp_path: Path) -> None:
    splits = cifar.load(describe("cifar10"), write_folder(tmp_path / "cifar-10-batches-py", cifar10_files()))
    assert splits.train.images.shape == (100, 3, 32, 32)
    third = torch.from_numpy(cifar_batch(20, 10, 2, fine=False)[b"data"]).view(-1, 3, 32, 32)
    assert torch.equal(splits.train.images[40:60], third)
    assert len(splits.test.labels) == 20


@pytest.mark.parametrize("beside", [True, False])
def test_the_archive_can_be_read_without_the_folder(tmp_path: Path, beside: bool) -> None:
    files = cifar100_files()
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    place = (tmp_path if beside else folder) / "cifar-100-python.tar.gz"
    write_tar(place, {f"cifar-100-python/{name}": content for name, content in files.items()}, gz=True)
    archived = cifar.load(describe("cifar100"), folder)
    unpacked = cifar.load(describe("cifar100"), write_folder(tmp_path / "elsewhere", files))
    assert torch.equal(archived.train.images, unpacked.train.images)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """cifar10, described with the images of `cifar10_files`."""
    described = dataclasses.replace(describe("cifar10"), train_size=100, test_size=20)
    monkeypatch.setitem(DATASETS, "cifar10", described)


def test_open_data_finds_cifar_below_the_data_root(tmp_path: Path, make_spec: MakeSpec, small: None) -> None:
    write_folder(tmp_path / "cifar-10-batches-py", cifar10_files())
    data = open_data(make_spec("cifar10", augment="crop-flip", mixup=0.2), DataRoots(root=tmp_path), CPU)
    images, targets = next(data.train(0, range(4), 1))
    assert isinstance(images, torch.Tensor)
    assert isinstance(targets, torch.Tensor)
    assert images.shape == (4, 3, 32, 32)
    assert targets.shape == (4, 10)
    assert data.steps_per_epoch == 6


@pytest.mark.parametrize(
    ("number", "count", "words"),
    [
        (3, 19, "has 99 training images instead of 100; correct"),
        (0, 21, "has 101 training images instead of 100; correct"),
        (5, 10, "has 10 test images instead of 20; correct"),
    ],
)
def test_batches_with_missing_or_surplus_images_are_counted_and_refused(
    tmp_path: Path, make_spec: MakeSpec, small: None, number: int, count: int, words: str
) -> None:
    files = cifar10_files()
    files[list(files)[number]] = python2_pickle(cifar_batch(count, 10, number, fine=False))
    folder = write_folder(tmp_path / "cifar-10-batches-py", files)
    with pytest.raises(DataError, match=f"cifar10 in {folder} {words}"):
        open_data(make_spec("cifar10"), DataRoots(root=tmp_path), CPU)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_batch_that_python_3_wrote_is_read(protocol: int) -> None:
    batch = cifar_batch(5, 10, 0, fine=False)
    again = load_restricted(pickle.dumps(batch, protocol), "x")
    assert np.array_equal(again[b"data"], batch[b"data"])


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("executed",)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_with_a_call_is_refused_and_not_executed(protocol: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"batch.bin is damaged .*refers to .*print, which no data batch needs"):
        load_restricted(pickle.dumps({"data": Hostile()}, protocol), "batch.bin")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({b"data": Hostile()}, r"is damaged or not a data batch: it refers to .*print"),
        ({b"labels": [0.5] * 20}, "its labels are not whole numbers"),
        ({b"labels": [1 << 70] * 20}, "it contains a number of more than 64 bits"),
        ({b"labels": ["1"] * 20}, "its labels are not whole numbers"),
        ({b"labels": [[1], [1, 2]]}, "is not a batch of cifar10"),
        ({b"data": np.zeros((20, 3072), ">u2")}, "contains 20 images of torch.uint16 and 20 labels"),
        ({b"data": [1]}, "is not a batch of cifar10"),
    ],
)
def test_a_hostile_or_wrong_batch_is_one_line_with_the_files_name(
    tmp_path: Path, make_spec: MakeSpec, small: None, changed: dict[bytes, Any], words: str
) -> None:
    files = cifar10_files()
    files["test_batch"] = pickle.dumps({**cifar_batch(20, 10, 0, fine=False), **changed})
    folder = write_folder(tmp_path / "cifar-10-batches-py", files)
    with pytest.raises(DataError, match=f"^{folder}/test_batch .*{words}") as caught:
        open_data(make_spec("cifar10"), DataRoots(root=tmp_path), CPU)
    assert "\n" not in str(caught.value)


def test_files_and_members_too_large_for_a_batch_are_not_read(tmp_path: Path, make_spec: MakeSpec, small: None) -> None:
    folder = write_folder(tmp_path / "cifar-10-batches-py", cifar10_files())
    with (folder / "test_batch").open("r+b") as stream:
        stream.truncate(LARGEST_MEMBER + 1)
    with pytest.raises(DataError, match=f"^{folder}/test_batch has {LARGEST_MEMBER + 1} bytes; a batch has at most"):
        open_data(make_spec("cifar10"), DataRoots(root=tmp_path), CPU)
    archive = tmp_path / "a.tar"
    member = tarfile.TarInfo("a/test_batch")
    member.size = LARGEST_MEMBER + 1
    archive.write_bytes(member.tobuf() + bytes(1024))
    with pytest.raises(DataError, match=f"^{archive}:a/test_batch has {LARGEST_MEMBER + 1} bytes; a batch has at most"):
        read_archive(archive, ["test_batch"])


def test_missing_files_are_named_with_advice(tmp_path: Path, make_spec: MakeSpec) -> None:
    files = cifar100_files()
    del files["test"]
    write_folder(tmp_path / "cifar-100-python", files)
    with pytest.raises(
        DataError, match=r"cifar100 is incomplete in .*cifar-100-python: missing test; run `attnctl data"
    ):
        open_data(make_spec("cifar100"), DataRoots(root=tmp_path), CPU)
    with pytest.raises(DataError, match=r"no folder is set for cifar100; set root or cifar100 under \[data\].*, then"):
        open_data(make_spec("cifar100"), DataRoots(), CPU)
    with pytest.raises(DataError, match=r"missing train, test"):
        open_data(make_spec("cifar100"), DataRoots(root=tmp_path / "nowhere"), CPU)


def broken_batches() -> Iterator[tuple[str, bytes]]:
    good = cifar100_files()["train"]
    batch = cifar_batch(10, 100, 0, fine=True)
    yield "truncated", good[: len(good) // 2]
    yield "empty", b""
    yield "text", b"<html>not found</html>"
    yield "no data", python2_pickle({b"fine_labels": [1]})
    yield "no dictionary", python2_pickle([1, 2])
    yield "labels outside", python2_pickle({**batch, b"fine_labels": [100] * 10})
    yield "too few labels", python2_pickle({**batch, b"fine_labels": [1] * 9})
    yield "wrong width", python2_pickle({**batch, b"data": np.zeros((10, 3000), np.uint8)})
    yield "floats", python2_pickle({**batch, b"data": np.zeros((10, 3072), np.float32)})
    yield "data is text", python2_pickle({**batch, b"data": b"zebra"})
    yield "nothing in it", python2_pickle({**batch, b"data": np.zeros((0, 3072), np.uint8), b"fine_labels": []})


@pytest.mark.parametrize("content", [pytest.param(content, id=what) for what, content in broken_batches()])
def test_a_damaged_batch_is_a_one_line_error_naming_the_file(tmp_path: Path, content: bytes) -> None:
    folder = write_folder(tmp_path / "cifar-100-python", {**cifar100_files(), "train": content})
    with pytest.raises(DataError) as caught:
        cifar.load(describe("cifar100"), folder)
    assert str(folder / "train") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_or_incomplete_archive_says_what_to_do(tmp_path: Path) -> None:
    dataset, folder = describe("cifar100"), tmp_path / "cifar-100-python"
    archive = write_tar(tmp_path / dataset.archive, {"cifar-100-python/train": cifar100_files()["train"]}, gz=True)
    with pytest.raises(DataError, match=r"tar.gz lacks test; delete it and download it again"):
        cifar.load(dataset, folder)
    archive.write_bytes(archive.read_bytes()[:20000])
    with pytest.raises(DataError, match=r"tar.gz cannot be read .*; delete it and download it again"):
        cifar.load(dataset, folder)
