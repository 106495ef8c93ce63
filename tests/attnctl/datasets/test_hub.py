"""Data sets of Hugging Face: where they are found, and what a run's description says of them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl import datasets
from attnctl.datasets import hub, own
from attnctl.values import SpecError
from tests.fixtures.hub_data import needs_pyarrow, rows, write_cached, write_saved

PARTS = {"train": rows(12), "validation": rows(4, 50), "test": rows(4, 90)}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_DATASETS_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/datasets"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/datasets"),
        ({}, str(Path("~/.cache/huggingface/datasets").expanduser())),
    ],
)
def test_the_cache_is_where_datasets_has_it(variables: dict[str, str], folder: str) -> None:
    assert str(hub.cache_folder(variables)) == folder


@needs_pyarrow
def test_a_cached_data_set_is_found_by_its_name(cache: Path) -> None:
    root = write_cached(cache, "ada___flowers", PARTS)
    found = datasets.describe("hf:ada/flowers")
    assert found.name.startswith("flowers@")
    assert (found.classes, found.names, found.train_size, found.test_size) == (2, ("daisy", "rose"), 12, 4)
    assert (found.train_parts, found.test_parts, found.columns) == (("train",), ("validation",), ("image", "label"))
    assert (found.height, found.layout, found.split) == (32, "imagefolder", 0.0)
    assert found.content.startswith("sha256:")
    assert all(0.45 < value < 0.55 for value in found.mean)
    measured = own.MEASURED[found.name]
    assert (measured.folder, measured.text) == (root, "hf:ada/flowers")
    assert hub.cached_names() == ["ada/flowers"]


@needs_pyarrow
def test_the_name_depends_on_the_content_and_not_on_the_place(cache: Path, tmp_path: Path) -> None:
    first = datasets.describe(f"hf:{write_saved(tmp_path / 'a' / 'flowers', PARTS)}").name
    assert datasets.describe(f"hf:{write_saved(tmp_path / 'b' / 'flowers', PARTS)}").name == first
    changed = PARTS | {"validation": rows(4, 51)}
    assert datasets.describe(f"hf:{write_saved(tmp_path / 'c' / 'flowers', changed)}").name != first
    unused = PARTS | {"test": rows(4, 51)}
    assert datasets.describe(f"hf:{write_saved(tmp_path / 'd' / 'flowers', unused)}").name == first


@needs_pyarrow
def test_training_images_alone_are_split(cache: Path, tmp_path: Path) -> None:
    root = write_saved(tmp_path / "flowers", {"train": rows(20)})
    found = datasets.describe(f"hf:{root}:test=0.3+seed=2")
    assert (found.train_size, found.test_size, found.split, found.split_seed) == (14, 6, 0.3, 2)
    both = write_saved(tmp_path / "both", PARTS)
    with pytest.raises(SpecError, match="has the splits train and validation, so it is not split"):
        datasets.describe(f"hf:{both}:test=0.3")


@needs_pyarrow
def test_one_of_several_configurations_must_be_named(cache: Path) -> None:
    write_cached(cache, "flowers", PARTS, "large")
    write_cached(cache, "flowers", {"train": rows(8), "test": rows(4, 50)}, "small")
    with pytest.raises(SpecError, match=r"2 configurations of it, large, small; name one, such as hf:flowers:config="):
        datasets.describe("hf:flowers")
    assert datasets.describe("hf:flowers:config=small").train_size == 8
    with pytest.raises(SpecError, match="no configuration 'smal'; did you mean 'small'"):
        datasets.describe("hf:flowers:config=smal")


@needs_pyarrow
def test_the_newest_of_several_versions_is_taken(cache: Path) -> None:
    old = write_cached(cache, "Flowers", {"train": rows(8), "test": rows(4, 50)}, version="1.0.0")
    os.utime(old / "dataset_info.json", (1, 1))
    write_cached(cache, "tiny_flowers", PARTS, version="2.0.0")
    new = write_cached(cache, "Flowers", PARTS, version="2.0.0")
    assert hub.find("Flowers") == new
    assert hub.find("TinyFlowers").parents[2].name == "tiny_flowers"  # so `datasets` calls its folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hf:", r"a name is such as hf:ylecun/mnist, and a folder such as hf:./mnist"),
        ("hf:a/b/c", "a name is such as"),
        ("hf:../../etc", "there is no folder ../../etc"),
        ("hf:./nothing", "there is no folder ./nothing"),
        ("hf:~nobody-here/x", "nobody-here"),
        ("hf:mnist", "does not have it, and nothing is downloaded; where there is a network, run python -c"),
        (
            "hf:mnist:size=3",
            "after the colon there can be test=0.3, .*config=plain_text, .*image=img, .*label=fine_label",
        ),
        ("hf:mnist:seed=-1", "after the colon"),
        ("hf:fetched", "it is downloaded but not prepared, so .*cache does not have it; run python"),
        ("hf:./empty", "has no dataset_dict.json, state.json or dataset_info.json"),
        ("hf:./empty:config=x", "a folder has no config"),
    ],
)
@needs_pyarrow
def test_wrong_names_are_errors(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hub" / "datasets--fetched").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match=words):
        datasets.describe(name)


def no_train(root: Path) -> None:
    (root / "dataset_dict.json").write_text('{"splits": ["test"]}')


def no_state(root: Path) -> None:
    (root / "train" / "state.json").unlink()


def no_shard(root: Path) -> None:
    (root / "train" / "data-00001-of-00002.arrow").unlink()


def climbing(root: Path) -> None:
    (root / "train" / "state.json").write_text('{"_data_files": [{"filename": "../../x.arrow"}]}')


def indexed(root: Path) -> None:
    state = {"_data_files": [], "_indices_files": [{"filename": "indices.arrow"}]}
    (root / "train" / "state.json").write_text(json.dumps(state))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_train, "has the splits test; it needs train"),
        (no_state, r"train/state.json is missing; the data set in .*saved is incomplete"),
        (no_shard, r"data-00001-of-00002.arrow is missing; the data set in .*saved is incomplete; save it again"),
        (climbing, "state.json names no files"),
        (indexed, "an index of rows of an old release of `datasets`; save it again"),
    ],
)
@needs_pyarrow
def test_what_is_missing_is_named(cache: Path, tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    root = write_saved(tmp_path / "saved", PARTS)
    spoil(root)
    with pytest.raises(SpecError, match=words):
        datasets.describe(f"hf:{root}")


@needs_pyarrow
def test_a_saved_folder_typed_as_a_folder_says_how_to_name_it(cache: Path, tmp_path: Path) -> None:
    root = write_saved(tmp_path / "saved", PARTS)
    with pytest.raises(SpecError, match=rf"{root} holds a data set that `datasets` saved; name it as hf:{root}"):
        datasets.describe(str(root))


@needs_pyarrow
def test_changed_files_are_told(cache: Path, tmp_path: Path) -> None:
    root = write_saved(tmp_path / "saved", PARTS)
    found = datasets.describe(f"hf:{root}")
    assert own.changes(found, root, "") == ""
    write_saved(root, PARTS | {"train": rows(12, 7)})
    assert own.changes(found, root, "").endswith(f"restore them, or sweep again with --dataset hf:{root}")


SAVE = """
    import sys
    import numpy as np
    from PIL import Image
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Image as Picture, load_dataset

    def part(count):
        images = [Image.fromarray(np.full((36, 40, 3), number, np.uint8)) for number in range(count)]
        features = Features({"img": Picture(), "kind": ClassLabel(names=["daisy", "rose"])})
        return Dataset.from_dict({"img": images, "kind": [number % 2 for number in range(count)]}, features=features)

    parts = DatasetDict({"train": part(12), "test": part(6)})
    parts.save_to_disk("saved")
    for name, rows in parts.items():
        rows.to_parquet(f"flowers/data/{name}-00000-of-00001.parquet")
    load_dataset("./flowers")
"""


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="datasets is not installed")
def test_what_datasets_itself_saves_and_caches_is_read(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "flowers" / "data").mkdir(parents=True)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    made = [sys.executable, "-c", textwrap.dedent(SAVE)]
    subprocess.run(made, check=True, cwd=tmp_path, env=os.environ | offline, capture_output=True)
    saved, cached = datasets.describe(f"hf:{tmp_path / 'saved'}"), datasets.describe("hf:flowers")
    assert saved.content == cached.content
    assert (cached.columns, cached.names) == (("img", "kind"), ("daisy", "rose"))
    assert (cached.train_size, cached.test_size) == (12, 6)
