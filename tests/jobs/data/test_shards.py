"""Packing into shards, with real processes and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from attnctl.datasets import describe, packed
from attnctl.datasets.packed import Manifest
from attnctl.jobs.data import shards
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import ImageFiles
from attnctl.jobs.data.images import decode
from attnctl.jobs.data.own_files import open_own
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from tests.jobs.data.published import image_folders


def through(numbers: Sequence[int], words: str) -> Iterable[int]:
    assert words.startswith("packing ")
    return numbers


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shards, "SHARD", 7)
    return image_folders(tmp_path / "flowers")


def pack(source: Path, target: Path, side: int = 32, quality: int = 90) -> Manifest:
    return shards.pack_dataset(describe(str(source)), DataRoots(), target, side=side, quality=quality, through=through)


def opened(target: Path) -> list[ImageFiles]:
    return open_own(describe(str(target)), target)


def test_packed_images_are_those_of_the_source_with_their_shorter_side_scaled_down(
    source: Path, tmp_path: Path
) -> None:
    manifest = pack(source, tmp_path / "packed")
    before, after = open_own(describe(str(source)), source), opened(tmp_path / "packed")
    assert [part.images for part in manifest.parts.values()] == [18, 12]
    assert [shard.images for shard in manifest.parts["train"].shards] == [7, 7, 4]
    for one, other in zip(before, after, strict=True):
        assert one.labels.tolist() == other.labels.tolist()
        assert one.class_names == other.class_names
        for number in range(len(one.labels)):
            large = decode(partial(one.read, number), "x")
            small = decode(partial(other.read, number), "x")
            assert min(small.size) == 32
            difference = np.asarray(large.resize(small.size)).astype(int) - np.asarray(small)
            assert np.abs(difference).mean() < 8
    assert after[0].name(9) == f"{tmp_path}/packed/train/00001.tar:0000009.jpg"


def test_pixels_can_be_stored_without_compression(source: Path, tmp_path: Path) -> None:
    pack(source, tmp_path / "packed", quality=0, side=4096)
    before, after = open_own(describe(str(source)), source)[0], opened(tmp_path / "packed")[0]
    for number in range(len(before.labels)):
        pair = [decode(partial(files.read, number), "x") for files in (before, after)]
        assert pair[0].tobytes() == pair[1].tobytes()


def test_a_packing_is_a_data_set_of_its_own_that_depends_on_its_options(source: Path, tmp_path: Path) -> None:
    pack(source, tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    pack(source, tmp_path / "one", side=16)
    first, second = describe(str(tmp_path / "two")), describe(str(tmp_path / "one"))
    assert first.name.partition("@")[2] != second.name.partition("@")[2]
    assert (first.packed, first.mean) == (describe(str(source)).name, describe(str(source)).mean)


def test_a_killed_packing_goes_on_with_the_shards_that_are_there(source: Path, tmp_path: Path) -> None:
    whole = pack(source, tmp_path / "whole")
    target = tmp_path / "killed"

    def killed(numbers: Sequence[int], words: str) -> Iterable[int]:
        for number in numbers:
            if words == "packing val":
                raise KeyboardInterrupt
            yield number

    with pytest.raises(
        KeyboardInterrupt, match=r"^stopped; \d of 2 shards of val are kept; run the same command again$"
    ):
        shards.pack_dataset(describe(str(source)), DataRoots(), target, side=32, quality=90, through=killed)
    (target / "train" / ".00001.tar.half").touch()
    kept = (target / "train" / "00000.tar").stat().st_ino
    (target / "train" / "00001.tar").write_bytes((target / "train" / "00001.tar").read_bytes()[:5000])
    words = f"killed is not packed completely; run `attnctl data pack` again with the folder of flowers and {target}$"
    with pytest.raises(SpecError, match=words):
        describe(str(target))
    assert pack(source, target) == whole
    assert (target / "train" / "00000.tar").stat().st_ino == kept


def test_a_damaged_shard_is_named_and_the_same_command_repairs_it(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "packed"
    manifest = pack(source, target)
    shard = target / "train" / "00001.tar"
    content = shard.read_bytes()
    shard.write_bytes(content[:-512])
    with pytest.raises(SpecError, match=rf"{shard} has \d+ bytes instead of {len(content)}; run `attnctl data pack`"):
        describe(str(target))
    shard.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
    lines = [packed.damaged(packed.scan(target), "train", number) for number in range(3)]
    assert [line.partition(";")[0] for line in lines] == [
        "",
        f"{shard} is damaged: its SHA-256 is not that of packed.json",
        "",
    ]
    assert pack(source, target) == manifest
    assert shard.read_bytes() == content


def test_another_packing_or_other_files_in_the_folder_are_not_replaced(source: Path, tmp_path: Path) -> None:
    pack(source, tmp_path / "packed")
    with pytest.raises(DataError, match=r"packed holds flowers@\w+ with side 32 and quality 90; name another folder"):
        pack(source, tmp_path / "packed", side=48)
    with pytest.raises(DataError, match=r"flowers: it exists and holds no packed images; name another folder"):
        pack(source, source)


def test_an_image_that_cannot_be_read_is_named(source: Path, tmp_path: Path) -> None:
    name = next(source.glob("train/*/*"))
    dataset = describe(str(source))
    size = name.stat()
    name.write_bytes(bytes(size.st_size))
    os.utime(name, ns=(size.st_atime_ns, size.st_mtime_ns))
    with pytest.raises(DataError, match=f"^{name} cannot be read: damaged or not an image$"):
        shards.pack_dataset(dataset, DataRoots(), tmp_path / "packed", side=32, quality=90, through=through)
