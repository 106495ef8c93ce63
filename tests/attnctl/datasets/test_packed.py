from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from attnctl.datasets import packed
from attnctl.datasets.packed import Manifest, Part, Shard
from attnctl.values import SpecError

WHOLE = Manifest(
    format=packed.FORMAT,
    source="imagenet",
    side=256,
    quality=90,
    height=224,
    mean=(0.5, 0.5, 0.5),
    std=(0.2, 0.2, 0.2),
    classes=("cat", "dog"),
    parts={"train": Part("ab", (Shard(3, 10, "cd"),)), "val": Part("ef", (Shard(2, 10, "01"),))},
)


def written(folder: Path, manifest: Manifest) -> Path:
    for part, item in manifest.parts.items():
        (folder / part).mkdir()
        for number, shard in enumerate(item.shards):
            packed.shard_path(folder, part, number).write_bytes(bytes(shard.size))
    (folder / packed.MANIFEST).write_bytes(manifest.encode())
    return folder


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = packed.scan(written(tmp_path, WHOLE))
    assert folder.manifest == WHOLE
    assert folder.counts == (3, 2)
    assert [item.name for item in folder.files] == [b"packed.json", b"train/00000.tar", b"val/00000.tar"]


def test_a_packing_that_has_not_ended_is_no_data_set(tmp_path: Path) -> None:
    written(tmp_path, dataclasses.replace(WHOLE, parts={}))
    words = f"is not packed completely; run `attnctl data pack` again with imagenet and {tmp_path}$"
    with pytest.raises(SpecError, match=words):
        packed.scan(tmp_path)


def test_the_content_is_that_of_all_shards() -> None:
    other = {**WHOLE.parts, "val": Part("ef", (Shard(2, 10, "02"),))}
    assert dataclasses.replace(WHOLE, parts=other).content != WHOLE.content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 2; this attnctl reads format 1"),
        ({"classes": []}, "it has no classes"),
        ({"parts": {"train": {"index": "ab", "shards": []}}}, "it has 1 part instead of 2"),
        ({"parts": {"train": {"index": "ab", "shards": [{"images": -1, "size": 1, "sha256": ""}]}}}, "it has 1 part"),
        ({"side": "large"}, "side is 'large'"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    (tmp_path / packed.MANIFEST).write_text(json.dumps(json.loads(WHOLE.encode()) | change))
    with pytest.raises(SpecError, match=rf"^{tmp_path}/packed.json is damaged: {words}"):
        packed.scan(tmp_path)
