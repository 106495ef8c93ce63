"""Data sets of Hugging Face on this machine: `--dataset hf:NAME`, or `hf:./folder` for one that was saved.

Only files are read: JSON here, and Arrow files in `attnctl.datasets.arrow_images`. Nothing is downloaded, and no code
of a data set runs, since `load_dataset` is not called. There are two layouts of folders: that of the cache, which
`load_dataset` fills, and that of `save_to_disk`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnctl.datasets import folder_scan
from attnctl.datasets.fingerprint import DataFile, data_file
from attnctl.files import is_file_name, reason
from attnctl.values import SpecError, comma_join, did_you_mean
from attnctl.workspace import untrusted_json

PREFIX = "hf:"
EXAMPLE = "hf:ylecun/mnist"

OPTIONS = {
    "config": "plain_text, the configuration",
    "image": "img, the column of the images",
    "label": "fine_label, the column of the classes",
}
"""What can be chosen beside the split, with an example."""

_INFO, _DICT, _STATE = "dataset_info.json", "dataset_dict.json", "state.json"
_MOST_SHARDS = 100_000


@dataclass(frozen=True)
class HubFolder:
    """The Arrow files of a data set. splits: by name, such as `train` and `validation`."""

    root: Path
    splits: Mapping[str, tuple[Path, ...]]

    @property
    def parts(self) -> tuple[str, str]:
        """The splits of the training and of the evaluated images; both the same if that is divided."""
        test = next((name for name in folder_scan.TEST_PARTS if name in self.splits), folder_scan.TRAIN)
        return folder_scan.TRAIN, test

    @property
    def is_split(self) -> bool:
        """Whether there are only training images, of which some are evaluated."""
        return self.parts[0] == self.parts[1]

    @property
    def files(self) -> list[DataFile]:
        """The files of both parts. Their names are numbers, so that a saved copy of a cached data set has the same."""
        return [
            data_file(path.parent, path)._replace(name=f"{part}/{number}".encode())
            for part in dict.fromkeys(self.parts)
            for number, path in enumerate(self.splits[part])
        ]


def is_reference(text: str) -> bool:
    """Whether a name refers to a data set of Hugging Face."""
    return text.startswith(PREFIX)


def find(name: str, config: str = "") -> Path:
    """The folder of `ylecun/mnist` in the cache, or `./saved` itself; raises SpecError that says what is missing."""
    if name.startswith((".", "/", "~")):
        return _folder(name, config)
    parts = name.split("/")
    if len(parts) > 2 or not all(re.fullmatch(r"\w[\w.-]*", part) for part in parts):
        raise SpecError(
            f"dataset {PREFIX}{name!r:.80}: a name is such as {EXAMPLE}, and a folder such as {PREFIX}./mnist"
        )
    try:
        return _cached(name, config)
    except OSError as error:
        raise SpecError(f"dataset {PREFIX}{name}: {reason(error)}") from error


def scan(root: Path) -> HubFolder:
    """The files of a data set in its folder; raises SpecError if there is no data set or a file is missing."""
    try:
        splits = dict(_splits(root))
        missing = [path for paths in splits.values() for path in paths if not path.is_file()]
    except untrusted_json.RecordError as error:
        raise SpecError(str(error)) from error
    if missing:
        raise SpecError(f"{missing[0]} is missing; {_again(root)}")
    if folder_scan.TRAIN not in splits:
        raise SpecError(f"{root} has the splits {comma_join(splits) or 'of no images'}; it needs {folder_scan.TRAIN}")
    return HubFolder(root, splits)


def missing_files(root: Path) -> list[str]:
    """The files without which a folder is not a data set; empty if one of them is there."""
    markers = (_DICT, _STATE, _INFO)
    return [] if any((root / name).is_file() for name in markers) else [" or ".join(markers)]


# ------------------------------------------------------------------------------------------------------------- folders


def _splits(root: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Each split and its files, whether or not they are there; raises SpecError, RecordError."""
    if (listed := untrusted_json.read_object(root / _DICT)) is not None:
        for name in _names(listed.get("splits"), root / _DICT):
            yield name, _saved(root / name)
    elif (root / _STATE).exists():
        yield folder_scan.TRAIN, _saved(root)
    elif (info := untrusted_json.read_object(root / _INFO)) is not None:
        splits = info.get("splits")
        stem = info.get("dataset_name") or info.get("builder_name")
        if not isinstance(stem, str) or not _is_name(stem):
            raise SpecError(f"{root / _INFO} has no name of a data set")
        for name in _names(list(splits) if isinstance(splits, dict) else None, root / _INFO):
            yield name, _shards(root, stem, name)
    else:
        raise SpecError(f"{root} has no {_DICT}, {_STATE} or {_INFO}: `datasets` has not saved a data set there")


def _names(found: Any, path: Path) -> list[str]:
    """The names of splits, which become those of files; raises SpecError."""
    if not isinstance(found, list) or not all(map(_is_name, found)):
        raise SpecError(f"{path} has no list of splits")
    return list(found)


def _saved(folder: Path) -> tuple[Path, ...]:
    """The files of a split that `save_to_disk` wrote."""
    state = untrusted_json.read_object(folder / _STATE)
    if state is None:
        return (folder / _STATE,)  # which is what is missing
    if state.get("_indices_files"):
        raise SpecError(f"{folder} has an index of rows of an old release of `datasets`; save it again")
    files = state.get("_data_files")
    items = files if isinstance(files, list) else []
    names = [item.get("filename") if isinstance(item, dict) else None for item in items]
    if not names or not all(map(_is_name, names)):
        raise SpecError(f"{folder / _STATE} names no files")
    return tuple(folder / str(name) for name in names)


def _is_name(value: object) -> bool:
    """Whether it is the name of a file that lies in a folder, and can be printed."""
    return isinstance(value, str) and value.isprintable() and is_file_name(value)


def _shards(root: Path, stem: str, split: str) -> tuple[Path, ...]:
    """The files of a split in the cache: `mnist-train.arrow`, or `mnist-train-00000-of-00002.arrow` and so on."""
    form = re.compile(re.escape(f"{stem}-{split}") + r"-(\d{5})-of-(\d{5})\.arrow")
    found = next((match for path in sorted(root.iterdir()) if (match := form.fullmatch(path.name))), None)
    count = min(int(found[2]), _MOST_SHARDS) if found is not None else 0
    names = [f"-{number:05d}-of-{count:05d}" for number in range(count)] or [""]
    return tuple(root / f"{stem}-{split}{name}.arrow" for name in names)


def _folder(name: str, config: str) -> Path:
    folder = folder_scan.typed_folder(f"{PREFIX}{name}", name)
    if config:
        raise SpecError(f"dataset {PREFIX}{name}: a folder has no config; name the folder of the one that you mean")
    return Path(os.path.abspath(folder))  # noqa: PTH100 resolve would give a link's target


# --------------------------------------------------------------------------------------------------------------- cache


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder in which `load_dataset` keeps data sets, by its own variables."""
    base = Path(environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    home = Path(environ.get("HF_HOME") or base)
    return Path(environ.get("HF_DATASETS_CACHE") or home / "datasets").expanduser()


def _hub_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the files that were downloaded, from which `load_dataset` makes those of the cache."""
    given = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(given).expanduser() if given else cache_folder({**environ, "HF_DATASETS_CACHE": ""}).parent / "hub"


def cached_names() -> list[str]:
    """The names of the data sets in the cache, as they are typed after `hf:`."""
    try:
        return sorted(path.name.replace("___", "/", 1) for path in cache_folder().iterdir() if _prepared(path))
    except OSError:
        return []


def _cached(name: str, config: str) -> Path:
    """The folder of a data set in the cache; raises SpecError, OSError."""
    root = cache_folder()
    namespace, _, last = name.rpartition("/")
    folder = next(
        (path for stem in (last, _snake_case(last)) if (path := _in_cache(root, namespace, stem)).is_dir()), None
    )
    prepared = _prepared(folder) if folder is not None else {}
    if not prepared:
        raise SpecError(f"dataset {PREFIX}{name}: {_not_cached(name, root)}")
    if config and config not in prepared:
        raise SpecError(
            f"dataset {PREFIX}{name}: no configuration {config!r:.40}{did_you_mean(config, list(prepared))}"
        )
    if not config and len(prepared) > 1:
        raise SpecError(
            f"dataset {PREFIX}{name}: the cache has {len(prepared)} configurations of it, {comma_join(prepared)}; name "
            f"one, such as {PREFIX}{name}:config={next(iter(prepared))}"
        )
    return prepared[config or next(iter(prepared))]


def _in_cache(root: Path, namespace: str, stem: str) -> Path:
    return root / (f"{namespace}___{stem}" if namespace else stem)


def _prepared(folder: Path) -> dict[str, Path]:
    """By configuration: the folder that was prepared last, which `load_dataset` would take too."""
    found = sorted(folder.glob(f"*/*/*/{_INFO}"), key=lambda path: (path.stat().st_mtime_ns, path))
    complete = [path for path in found if not path.parent.name.endswith(".incomplete")]
    return {path.parents[2].name: path.parent.absolute() for path in sorted(complete, key=lambda path: path.parents[2])}


def _snake_case(name: str) -> str:
    """The name of the folder of `TinyImages`: see `datasets.naming.camelcase_to_snakecase`."""
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", words).lower()


def _not_cached(name: str, root: Path) -> str:
    prepare = f"python -c 'from datasets import load_dataset; load_dataset(\"{name}\")'"
    if (_hub_folder() / f"datasets--{name.replace('/', '--')}").is_dir():
        return f"it is downloaded but not prepared, so {root} does not have it; run {prepare}"
    names = cached_names()
    known = did_you_mean(name, names) if names else ""
    return f"{root} does not have it, and nothing is downloaded; where there is a network, run {prepare}{known}"


def _again(root: Path) -> str:
    return f"the data set in {root} is incomplete; save it again, or delete that folder and load it again"
