"""Users' own data sets: a folder that `--dataset ./flowers` names, or code, measured and described in each run's spec.

The description is a JSON object: the fields of `Dataset` that are in `_FIELDS`. Its hash is a part of the data set's
name (`attnctl.own_data`), so a data set is what it contains, wherever it lies: where that is, is recorded in the
workspace's folder datasets/, and the settings can name another folder.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from attnctl import own_data, user_cache
from attnctl.datasets import fingerprint, folder_scan, hub, image_statistics, object_scan, own_code, packed
from attnctl.datasets.descriptor import Dataset
from attnctl.datasets.fingerprint import Content, DataFile
from attnctl.datasets.folder_scan import ImageFolder
from attnctl.datasets.hub import HubFolder
from attnctl.datasets.image_statistics import ImageStatistics
from attnctl.datasets.object_scan import ObjectFolder
from attnctl.datasets.packed import PackedFolder
from attnctl.files import is_file_name, read_regular, write_atomic
from attnctl.sources import store
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace import untrusted_json

EXAMPLE = "./flowers"

OBJECTS_RECIPE = "folder-objects"
"""The default recipe of every detector on a user's own data set."""

_VERSION = 1
"""Of the reading and the measuring; raised when one of them changes the results."""

_CACHE = "own-data"
_SUFFIX = ".json"
_SMALLEST, _LARGEST_SIDE, _SIDE_STEP = 32, 224, 32
_BACKBONES = {"imagenet": "resnet50"}
"""The default backbone of packed images, by the data set that was packed."""
_SMALL = 64  # up to this side a network for small images is the default
SPLIT = 0.2
"""The fraction that is evaluated unless another was typed."""
_MOST_NAMES = 200  # more classes are not named in each run's spec
_OPTIONS = {"test": "0.3, the fraction of the images that is evaluated", "seed": "1, which images these are"}


@dataclass(frozen=True)
class Reference:
    """A folder as typed, such as `./flowers:test=0.3+seed=1`. test: the evaluated fraction, if it was typed."""

    folder: Path
    test: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Measured:
    """A data set, its folder, and what a training leaves out of it."""

    dataset: Dataset
    folder: Path
    signature: str
    notes: tuple[str, ...] = ()
    text: str = ""
    """What to type to name it again."""


@dataclass(frozen=True)
class Record:
    """A data set that a workspace uses. signature: of its files when they were measured; see `fingerprint`."""

    description: str
    folder: str
    signature: str


MEASURED: dict[str, Measured] = {}
"""By name: the data sets that this process has measured."""


def is_reference(text: str) -> bool:
    """Whether a name refers to a user's folder or file, and not to a registered data set."""
    return "/" in text or text.startswith((".", "~", hub.PREFIX)) or text.partition(":")[0].endswith(".py")


def parse(text: str) -> Reference:
    """The folder that `./flowers` or `./flowers:test=0.3+seed=1` names; raises SpecError."""
    path, options = (text, "") if _is_folder(text) else _divided(text)
    return Reference(folder_scan.typed_folder(text, path), *_split_options(text, options))


def _is_folder(text: str) -> bool:
    """Whether all that was typed is the name of a folder, also if it has a colon."""
    try:
        return Path(text).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # no such user, too long, a NUL: not as it stands, but without options?
        return False


def _split_options(text: str, options: str) -> tuple[float | None, int]:
    """The fraction and the seed of `test=0.3+seed=1`; raises SpecError. text: all that was typed, for the message."""
    return _split_of(text, _given(text, options, _OPTIONS), _OPTIONS)


def _given(text: str, options: str, known: Mapping[str, str]) -> dict[str, str]:
    """What was typed after the colon; raises SpecError for another name. known: with an example of each."""
    given = {name: value for name, _, value in (part.partition("=") for part in options.split("+") if options)}
    if set(given) - set(known):
        raise _wrong_options(text, known)
    return given


def _split_of(text: str, given: Mapping[str, str], known: Mapping[str, str]) -> tuple[float | None, int]:
    try:
        test, seed = float(given["test"]) if "test" in given else None, int(given.get("seed", 0))
        if not 0 <= seed < 1 << 32 or (test is not None and not 0 < test < 1):
            raise ValueError
    except ValueError as error:
        raise _wrong_options(text, known) from error
    return test, seed


def _wrong_options(text: str, known: Mapping[str, str]) -> SpecError:
    forms = comma_join(f"{name}={example}" for name, example in known.items())
    return SpecError(f"dataset {text!r}: after the colon there can be {forms}; joined by +")


def _divided(text: str) -> tuple[str, str]:
    path, _, options = text.rpartition(":")
    return (path, options) if "=" in options else (text, "")


def measure(text: str) -> Dataset:
    """The data set in a user's folder, measured unless its files are those of the last time; raises SpecError.

    Code that makes a data set runs each time: see `own_code`.
    """
    if own_code.is_reference(text):
        return _measure_code(text)
    if hub.is_reference(text):
        return _measure_hub(text)
    reference = parse(text)
    folder = Path(os.path.abspath(reference.folder))  # noqa: PTH100 resolve would give a link's target
    if not hub.missing_files(folder):
        raise SpecError(f"{folder} holds a data set that `datasets` saved; name it as {hub.PREFIX}{folder}")
    scanned = scan(folder)
    is_split = isinstance(scanned, ImageFolder) and scanned.is_split
    has = f"{folder} has {scanned.parts[0]}/ and {scanned.parts[1]}/"
    split = _evaluated_part(reference.test, reference.seed, "" if is_split else has)

    def measured() -> tuple[Dataset, str]:
        if isinstance(scanned, PackedFolder):
            return _measure_packed(scanned)
        return _measure(folder, scanned, split, reference.seed)

    return _measured_once(folder, scanned, (split, reference.seed), measured, scanned.notes, str(folder))


def _evaluated_part(test: float | None, seed: int, parts: str) -> float:
    """The fraction that is evaluated; 0 where the data set has parts already, which `parts` then says in words.

    Raises SpecError if a fraction or a seed was typed all the same.
    """
    if not parts:
        return SPLIT if test is None else test
    if test is not None or seed:
        raise SpecError(f"{parts}, so it is not split")
    return 0.0


def _measured_once(
    folder: Path,
    scanned: ImageFolder | ObjectFolder | PackedFolder | HubFolder,
    options: tuple[object, ...],
    measure_it: Callable[[], tuple[Dataset, str]],
    notes: Sequence[str],
    text: str,
) -> Dataset:
    """The data set as it was measured, or `measure_it` if its files or the options are others than in the cache."""
    signature = fingerprint.signature(scanned.files)
    key = user_cache.key_of(str(folder), signature, *options, _VERSION)
    cached = user_cache.read(_CACHE, key) or {}
    try:
        name, description, note = (str(cached[key]) for key in ("name", "description", "note"))
        own_data.remember(name, description)
        dataset = describe(name)
    except (KeyError, SpecError, ValueError):
        dataset, note = measure_it()
        description = own_data.DESCRIPTIONS[dataset.name]
        user_cache.write(_CACHE, key, {"name": dataset.name, "description": description, "note": note})
    MEASURED[dataset.name] = Measured(dataset, folder, signature, (*notes, *([note] if note else ())), text)
    return dataset


def _measure_hub(text: str) -> Dataset:
    from attnctl.datasets import arrow_images

    arrow_images.check_installed()
    known = {**_OPTIONS, **hub.OPTIONS}
    path, options = _divided(text)
    given = _given(text, options, known)
    test, seed = _split_of(text, given, known)
    name = path.removeprefix(hub.PREFIX)
    folder = hub.find(name, given.get("config", ""))
    scanned = hub.scan(folder)
    has = f"{text} has the splits {' and '.join(scanned.parts)}"
    split = _evaluated_part(test, seed, "" if scanned.is_split else has)
    columns = given.get("image", ""), given.get("label", "")

    def measured() -> tuple[Dataset, str]:
        parts = arrow_images.open_parts(scanned, *columns)
        seen = arrow_images.measure(parts[0])
        content = fingerprint.content(scanned.files)
        counts = len(parts[0].labels), 0 if scanned.is_split else len(parts[1].labels)
        values = {
            **class_values(parts[0].class_names, seen.side),
            **_measured_values(folder, counts, seen, scanned.parts, (split, seed), content),
            "columns": (parts[0].image, parts[0].label),
        }
        notes = arrow_images.untrained(parts[0]), seen.note, _of_content(content)
        return _named(Path(name).name, values), "; ".join(filter(None, notes))

    return _measured_once(folder, scanned, (split, seed, *columns, hub.PREFIX), measured, (), path)


def _measure_code(text: str) -> Dataset:
    path, options = _divided(text)
    made = own_code.measure(path, *_split_options(text, options))
    dataset = _named(made.stem, {"version": _VERSION, **made.values})
    MEASURED[dataset.name] = Measured(dataset, made.folder, "", made.notes, path)
    return dataset


def _named(stem: str, values: Mapping[str, Any]) -> Dataset:
    """The data set with this description, which this process remembers. stem: the name without the hash."""
    description = json.dumps(values, sort_keys=True, separators=(",", ":"))
    name = own_data.name_of(stem, description)
    own_data.remember(name, description)
    return describe(name)


def notes(dataset: Dataset) -> tuple[str, ...]:
    """What a training leaves out of a data set that this process has measured."""
    return MEASURED[dataset.name].notes if dataset.name in MEASURED else ()


def scan(folder: Path) -> ImageFolder | ObjectFolder | PackedFolder:
    """List the files of a folder in any of the layouts; raises SpecError."""
    if packed.is_packed(folder):
        return packed.scan(folder)
    return object_scan.scan(folder) if object_scan.layout_of(folder) else folder_scan.scan(folder)


def _measure(folder: Path, scanned: ImageFolder | ObjectFolder, split: float, seed: int) -> tuple[Dataset, str]:
    """The data set, and a note on unreadable and repeated images and on how its content is known."""
    if isinstance(scanned, ImageFolder):
        paths = [scanned.path(scanned.parts[0], image) for image in scanned.train]
    else:
        paths = list(scanned.train)
    seen = image_statistics.measure(paths)
    content = fingerprint.content(scanned.files)
    values = {
        **(_of_classes(scanned, seen.side) if isinstance(scanned, ImageFolder) else _of_objects(scanned)),
        **_measured_values(folder, scanned.counts, seen, scanned.parts, (split, seed), content),
    }
    repeated = _repeated(scanned, content.digests) if content.is_whole else ""
    return _named(folder.name, values), "; ".join(filter(None, (seen.note, _of_content(content), repeated)))


def _measure_packed(scanned: PackedFolder) -> tuple[Dataset, str]:
    """The data set: all that is measured of others is in the manifest."""
    manifest = scanned.manifest
    seen = image_statistics.ImageStatistics(manifest.height, manifest.mean, manifest.std, measured=0)
    content = Content(manifest.content, {})
    values = {
        **class_values(manifest.classes, manifest.height),
        **_measured_values(scanned.root, scanned.counts, seen, scanned.parts, (0.0, 0), content),
        "packed": manifest.source,
    }
    return _named(scanned.root.name, values), ""


def _measured_values(
    folder: Path,
    counts: tuple[int, int],
    seen: ImageStatistics,
    parts: tuple[str, str],
    split: tuple[float, int],
    content: Content,
) -> dict[str, Any]:
    """The fields of a description that every data set of files has. split: the fraction and the seed."""
    return {
        "version": _VERSION,
        **dict(zip(("train_size", "test_size"), sizes(folder, counts, split[0]), strict=True)),
        "mean": seen.mean,
        "std": seen.std,
        "train_parts": parts[:1],
        "test_parts": parts[1:],
        "split": split[0],
        "split_seed": split[1],
        "content": content.text,
    }


def _of_content(content: Content) -> str:
    """A note on content that is known by a sample only."""
    sampled = "its content is known by names, sizes, times and a sample of the files, since it is large"
    return "" if content.is_whole else sampled


def _repeated(scanned: ImageFolder | ObjectFolder, digests: Mapping[DataFile, bytes]) -> str:
    """A note on images that are there twice, so that one can be trained on and the other evaluated; else empty."""
    trained, others = scanned.trained()
    first: dict[bytes, DataFile] = {}
    pairs = []
    for item in trained:
        earlier = first.setdefault(digests[item], item)
        if earlier is not item and not others:
            pairs.append((item, earlier))
    pairs += [(item, first[digests[item]]) for item in others if digests[item] in first]
    if not pairs:
        return ""
    names = " and ".join(os.fsdecode(item.name) for item in pairs[0])
    if others:
        return object_scan.also_trained_on(len(pairs), names)
    return f"some images are stored twice, and perhaps both trained on and evaluated, such as {names}"


def sizes(place: object, counts: tuple[int, int], split: float) -> tuple[int, int]:
    """The numbers of training and evaluated images; raises SpecError if one is 0. place: for the message."""
    images, tests = counts
    if split:
        tests = round(split * images)
        images -= tests
    if not images or not tests:
        raise SpecError(f"{place} has {quantity(sum(counts), 'image')}: too few to evaluate {split:g} of them")
    return images, tests


def _of_classes(scanned: ImageFolder, side: int) -> dict[str, Any]:
    return class_values(scanned.classes, side)


def class_values(names: Sequence[str], side: int) -> dict[str, Any]:
    """The fields of a description of images of classes. side: the usual short side of the images."""
    named = len(names) <= _MOST_NAMES and all(map(_is_text, names))
    side = min(_LARGEST_SIDE, max(_SMALLEST, side // _SIDE_STEP * _SIDE_STEP))
    return {
        "classes": len(names),
        "height": side,
        "width": side,
        "layout": "imagefolder",
        "tasks": ("classify",),
        "names": tuple(names) if named else (),
    }


def _of_objects(scanned: ObjectFolder) -> dict[str, Any]:
    if strange := [name for name in scanned.names if not _is_text(name)]:
        raise SpecError(f"{scanned.root} has a class {strange[0]!r:.80}, which cannot be printed")
    return {
        "classes": len(scanned.names),
        "height": 0,
        "width": 0,
        "layout": scanned.layout,
        "tasks": scanned.tasks,
        "names": scanned.names,
    }


def _is_text(name: str) -> bool:
    """Whether a file's name can be printed and stored: one that is not UTF-8 cannot."""
    return name.isprintable()


# ------------------------------------------------------------------------------------------------------- descriptions


@dataclass(frozen=True, kw_only=True)
class _Description:
    """The fields of a description, as `untrusted_json` checks them: a spec can come from somebody else."""

    version: int
    classes: int
    train_size: int
    test_size: int
    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: str
    tasks: tuple[str, ...]
    names: tuple[str, ...]
    train_parts: tuple[str, ...]
    test_parts: tuple[str, ...]
    split: float
    split_seed: int
    content: str
    code: str = ""
    code_version: str = ""
    columns: tuple[str, ...] = ()
    packed: str = ""


_TASKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "imagefolder": (("classify",),),
    "coco": (("detect",), ("detect", "instance")),
    "voc": (("detect",),),
}
_MOST = 1 << 31


def describe(name: str) -> Dataset:
    """The data set of a name that a spec holds, or that this process has measured; raises SpecError."""
    if name not in own_data.DESCRIPTIONS:
        raise SpecError(f"unknown dataset {name!r}: name your own by its folder, such as --dataset {EXAMPLE}")
    return _described(name, own_data.DESCRIPTIONS[name])


@lru_cache(maxsize=64)
def _described(name: str, description: str) -> Dataset:
    try:
        values = untrusted_json.decode(_Description, untrusted_json.loads_object(description))
        _check(values)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{name}: not the description of a data set: {error}") from error
    objects, small = values.layout != "imagefolder", values.height <= _SMALL
    return Dataset(
        name=name,
        default_backbone="" if objects else _BACKBONES.get(values.packed, "resnet20" if small else "resnet18"),
        recipe=OBJECTS_RECIPE if objects else "folder-small" if small else "folder",
        source="a user's own",
        **vars(values),
    )


def _check(values: _Description) -> None:
    """Raise ValueError for a value that no data set has."""
    classes = values.layout == "imagefolder"
    sides = (values.height, values.width)
    counts = (values.classes, values.train_size, values.test_size, *(sides if classes else ()))
    numbers = (*values.mean, *values.std, values.split)
    if values.tasks not in _TASKS.get(values.layout, ()) or not values.content:
        raise ValueError(f"layout {values.layout!r:.40}")
    if not all(0 < count < _MOST for count in counts) or values.split_seed < 0 or values.version < 0:
        raise ValueError("a number is out of range")
    if not classes and any(sides):
        raise ValueError("images with objects have no common size")
    if not all(math.isfinite(number) and 0 <= number <= 1 for number in numbers) or not all(values.std):
        raise ValueError("a mean, deviation or fraction is out of range")
    if not all(map(_is_text, values.names)) or len(values.names) not in (
        {0, values.classes} if classes else {values.classes}
    ):
        raise ValueError("the names are not those of the classes")
    folders = (".", folder_scan.TRAIN, *folder_scan.TEST_PARTS)
    parts = (*values.train_parts, *values.test_parts)
    if len(values.train_parts) != 1 or len(values.test_parts) != 1:
        raise ValueError("it must have two parts")
    if not all(part in folders if classes else is_file_name(part) for part in parts):
        raise ValueError("its parts are no folders of images")
    if bool(values.code) != bool(store.is_own(values.code_version)) or (values.code and not classes):
        raise ValueError("its code has no version")
    if values.columns and (len(values.columns) != len(("image", "label")) or values.code or not classes):
        raise ValueError("its columns are not those of images and classes")
    if values.packed and (not classes or values.columns or values.code or not _is_text(values.packed)):
        raise ValueError("these images cannot be packed")


# ------------------------------------------------------------------------------------------------------------ folders


def keep(names: Sequence[str], folder: Path, mode: int) -> None:
    """Record where the data sets that this process has measured lie, in the workspace's folder datasets/."""
    for name in names:
        if (measured := MEASURED.get(name)) is None:
            continue
        record = Record(own_data.DESCRIPTIONS[name], str(measured.folder), measured.signature)
        if read_record(folder, name) != record:
            write_atomic(record_path(folder, name), json.dumps(vars(record)).encode() + b"\n", mode=mode)


def record_path(folder: Path, name: str) -> Path:
    """The file of a data set's record."""
    return folder / f"{name}{_SUFFIX}"


def read_record(folder: Path, name: str) -> Record | None:
    """The record of a data set; None if it is missing, damaged or of another name."""
    try:
        document = untrusted_json.loads_object(read_regular(record_path(folder, name)))
        record = untrusted_json.decode(Record, document)
        own_data.remember(name, record.description)
    except (OSError, ValueError):
        return None
    return record if Path(record.folder).is_absolute() and "\0" not in record.folder else None


def recorded(folder: Path) -> Mapping[str, Record]:
    """The records of a workspace's folder datasets/, by name."""
    try:
        names = sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*@*{_SUFFIX}"))
    except OSError:
        return {}
    return {name: record for name in names if (record := read_record(folder, name)) is not None}


def folder_of(name: str, records: Path | None) -> Path | None:
    """Where a data set lies: as measured by this process, else as recorded in the workspace; None if unknown."""
    if name in MEASURED:
        return MEASURED[name].folder
    record = read_record(records, name) if records is not None else None
    return Path(record.folder) if record is not None else None


def changes(dataset: Dataset, folder: Path | None, signature: str) -> str:
    """An error message if the files in a data set's folder are not those that were measured, or it is unknown.

    signature: see `check_unchanged`; of a data set that this process has measured, it is known.
    """
    if folder is None:
        return f"{dataset.name} has no known folder: sweep again with --dataset and the folder"
    if dataset.code:  # only the job runs the code, and compares the data
        return ""
    measured = MEASURED.get(dataset.name)
    try:
        check_unchanged(dataset, folder, measured.signature if measured is not None else signature)
    except SpecError as error:
        return str(error)
    return ""


def check_unchanged(
    dataset: Dataset, folder: Path, signature: str = ""
) -> ImageFolder | ObjectFolder | PackedFolder | HubFolder:
    """The files in a data set's folder; raises SpecError if they are not those that were measured.

    signature: the folder's when it was measured. While it is the same, the files are not read.
    """
    scanned = hub.scan(folder) if dataset.columns else scan(folder)
    files = scanned.files
    if fingerprint.signature(files) != signature and _content(scanned, files) != dataset.content:
        again = f"{hub.PREFIX if dataset.columns else ''}{folder}"
        raise SpecError(
            f"{dataset.name}: the images in {folder} have changed since the run was planned; restore them, or sweep "
            f"again with --dataset {again}"
        )
    return scanned


def _content(scanned: ImageFolder | ObjectFolder | PackedFolder | HubFolder, files: Sequence[DataFile]) -> str:
    """A digest of the files: of packed images, as their manifest says it."""
    return scanned.manifest.content if isinstance(scanned, PackedFolder) else fingerprint.content(files).text
