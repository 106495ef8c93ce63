"""A data set's files are looked at cheaply: random bytes are noticed, real files pass."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnctl.datasets import describe
from attnctl.datasets.headers import damaged
from tests.jobs.data import published, scene_files

RANDOM = b"\x07\x0e random bytes " * 99


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    return published.image_folders(tmp_path / "imagenet")


def test_real_files_of_each_layout_pass(tmp_path: Path, imagenet: Path) -> None:
    cifar = published.write_folder(tmp_path / "cifar", published.cifar10_files())
    shards = published.image_shards(tmp_path / "shards", imagenet)
    voc, coco = scene_files.voc_folder(tmp_path / "voc"), scene_files.coco_folder(tmp_path / "coco")
    places = {"cifar10": cifar, "voc07": voc, "coco": coco}
    assert {name: damaged(describe(name), folder) for name, folder in places.items()} == dict.fromkeys(places, "")
    assert damaged(describe("imagenet"), imagenet) == damaged(describe("imagenet"), shards) == ""
    assert damaged(describe("digits"), None) == ""


def test_an_archive_in_place_of_the_files_is_looked_at(tmp_path: Path) -> None:
    archive = published.write_tar(tmp_path / "cifar-10-python.tar.gz", published.cifar10_files(), gz=True)
    assert damaged(describe("cifar10"), tmp_path) == ""
    archive.write_bytes(RANDOM)
    assert damaged(describe("cifar10"), tmp_path) == f"{archive} is not a gzip archive"


@pytest.mark.parametrize(
    ("name", "file", "kind"),
    [
        ("cifar10", "test_batch", "a pickle"),
        ("voc07", "VOC2007/ImageSets/Main/test.txt", "a list of names"),
        ("voc07", "VOC2007/Annotations/*", "an XML file"),
        ("voc07", "VOC2007/JPEGImages/*", "an image"),
        ("coco", "annotations/instances_val2017.json", "a JSON object"),
        ("imagenet", "train/*/*", "an image"),
    ],
)
def test_random_bytes_are_noticed(name: str, file: str, kind: str, tmp_path: Path, imagenet: Path) -> None:
    folder = {
        "cifar10": lambda: published.write_folder(tmp_path / "cifar", published.cifar10_files()),
        "voc07": lambda: scene_files.voc_folder(tmp_path / "voc"),
        "coco": lambda: scene_files.coco_folder(tmp_path / "coco"),
        "imagenet": lambda: imagenet,
    }[name]()
    for path in folder.glob(file):
        path.write_bytes(RANDOM)
    assert damaged(describe(name), folder).endswith(f" is not {kind}")


def test_a_shard_of_random_bytes_is_noticed(tmp_path: Path, imagenet: Path) -> None:
    shards = published.image_shards(tmp_path / "shards", imagenet)
    for path in shards.glob("train/*.tar"):
        path.write_bytes(RANDOM)
    assert damaged(describe("imagenet"), shards).endswith(".tar is not a tar archive")


def test_a_fifo_in_the_place_of_a_file_is_one_line_and_not_waited_for(tmp_path: Path) -> None:
    cifar = published.write_folder(tmp_path / "cifar", published.cifar10_files())
    (cifar / "data_batch_1").unlink()
    os.mkfifo(cifar / "data_batch_1")
    assert damaged(describe("cifar10"), cifar) == f"{cifar} cannot be read: this is not a regular file"
