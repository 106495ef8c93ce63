from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.datasets import describe
from attnctl.jobs.data import shards
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.files import open_parts
from attnctl.jobs.data.own_files import open_own
from attnctl.settings.config import DataRoots
from tests.jobs.data.imagenet_files import SMALL
from tests.jobs.data.published import image_folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = describe(str(image_folders(tmp_path / "flowers")))
    shards.pack_dataset(source, DataRoots(), tmp_path / "packed", side=32, quality=90, through=lambda items, _: items)
    return tmp_path / "packed"


def test_staged_images_are_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "disk"))
    monkeypatch.delenv("SLURM_TMPDIR", raising=False)
    dataset = describe(str(folder))
    there, here = open_own(dataset, folder), open_own(dataset, folder, stage=True)
    for one, other in zip(there, here, strict=True):
        assert other.name(0).startswith(str(tmp_path / "disk"))
        assert [one.read(number) for number in range(12)] == [other.read(number) for number in range(12)]


@pytest.mark.parametrize("damage", ["a byte", "the end"])
def test_a_damaged_index_is_named(folder: Path, damage: str) -> None:
    dataset = describe(str(folder))
    index = folder / "val" / "index.bin"
    content = index.read_bytes()
    index.write_bytes(content[:-1] + b"\1" if damage == "a byte" else content[:-24])
    words = f"^{index} is damaged: its SHA-256 is not that of packed.json; run `attnctl data pack` again with"
    with pytest.raises(DataError, match=words):
        open_own(dataset, folder)


def test_packed_images_are_not_taken_for_imagenet(folder: Path) -> None:
    with pytest.raises(DataError, match=f"^{folder} holds packed images, .* of their own: --dataset {folder}$"):
        open_parts(SMALL, folder)
