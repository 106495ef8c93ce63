"""Checks the files of a data set: whether they are complete and readable, and what they contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl.datasets import Dataset, packed
from attnctl.files import reason
from attnctl.jobs.data.errors import DataError
from attnctl.settings.config import DataRoots
from attnctl.units import quantity

if TYPE_CHECKING:
    from attnctl.jobs.data.files import ImageFiles
    from attnctl.jobs.data.scenes import Scenes


@dataclass(frozen=True)
class Sizes:
    """The sizes of images compared with their annotations. wrong: a line for each image of a different size.

    objects: on the wrong images. outside: those of them that lie outside their image. turned: images that have their
    annotated size after being rotated by their EXIF orientation. unconfirmed: images that are used as stored because
    their EXIF orientation does not change the size, or because no size is annotated.
    """

    wrong: tuple[str, ...] = ()
    objects: int = 0
    outside: int = 0
    turned: int = 0
    unconfirmed: int = 0


@dataclass(frozen=True)
class PartContents:
    """What a part contains. left_out: objects that a training leaves out; damaged: a line per unreadable image.

    cut: the boxes that a training cuts at the edge of their image.

    other_files: those of an image folder that are left out. changed: how many images are stored in a form of which a
    training uses only a part, or changes it.
    """

    images: int
    objects: int = 0
    left_out: str = ""
    cut: str = ""
    damaged: tuple[str, ...] = ()
    sizes: Sizes = Sizes()
    other_files: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


Through = Callable[[Sequence[int], str], Iterable[int]]
"""Iterates over numbers and shows the progress; the string describes the work."""


def check(
    dataset: Dataset, roots: DataRoots, *, images: bool, through: Through, maps: bool = False
) -> dict[str, PartContents]:
    """The contents of the parts `train` and `test`; images: read every image too.

    maps: also the class maps of COCO's training images; with `images` each is read. Damaged images are listed in the
    result; raises DataError for all other faults.
    """
    folder = roots.folder(dataset.name)
    if dataset.layout == "imagefolder":
        from attnctl.jobs.data.files import open_parts
        from attnctl.jobs.data.own_files import open_own

        contents = {}
        opened = (open_own if dataset.is_own else open_parts)(dataset, folder)
        for part, files in zip(("train", "test"), opened, strict=True):
            forms: Counter[str] = Counter()
            damaged = _damaged(len(files.labels), partial(_decode, files, forms), through if images else None, part)
            damaged += _damaged_shards(dataset, folder, part, through) if images else ()
            contents[part] = PartContents(
                len(files.labels), damaged=damaged, other_files=files.left_out, changed=_in_words(forms)
            )
        return contents
    if "classify" in dataset.tasks:
        from attnctl.jobs.data import load_splits

        splits = load_splits(dataset, roots)
        return {"train": PartContents(len(splits.train.labels)), "test": PartContents(len(splits.test.labels))}
    return _scenes(dataset, roots, through if images else None, maps=maps)


def fault_in_files(dataset: Dataset, roots: DataRoots, *, maps: bool) -> str:
    """What a run would find wrong before it reads an image, such as missing images; empty if nothing is wrong.

    maps: also the class maps of COCO's training images. Data sets that are held in memory are not checked here.
    """
    if dataset.layout not in ("imagefolder", "voc", "coco"):
        return ""
    try:
        if dataset.code:  # only the job runs the code
            return ""
        if dataset.is_own:
            from attnctl.jobs.data.own_files import check_own

            check_own(dataset, roots.folder(dataset.name), roots.signature(dataset.name))
            return ""
        check(dataset, roots, images=False, through=lambda numbers, _work: numbers, maps=maps)
    except DataError as error:
        return str(error)
    except OSError as error:  # such as a network file system that has just gone
        return f"{dataset.name} cannot be read in {roots.folder(dataset.name)}: {reason(error)}"
    return ""


def _decode(files: ImageFiles, forms: Counter[str], number: int) -> None:
    """Decode an image, and count the forms in which a training does not use it as it is stored."""
    from attnctl.jobs.data.images import decode, forms_of

    content: list[bytes] = []

    def read() -> bytes:
        content.append(files.read(number))
        return content[0]

    decode(read, files.name(number))
    forms.update(forms_of(content[0]))


def _in_words(forms: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{quantity(count, 'image')} {form}" for form, count in sorted(forms.items()))


def _scenes(dataset: Dataset, roots: DataRoots, through: Through | None, *, maps: bool) -> dict[str, PartContents]:
    """Check a data set of objects; if it serves several tasks, for the one that reads most."""
    from attnctl.jobs.data.coco import CocoScenes
    from attnctl.jobs.data.pictures import Reader
    from attnctl.jobs.data.scene_data import open_parts
    from attnctl.jobs.data.scenes import IGNORED, trainable

    task = "instance" if "instance" in dataset.tasks else dataset.tasks[0]
    contents = {}
    for name, scenes in zip(("train", "test"), open_parts(dataset, roots.folder(dataset.name), task), strict=True):
        segment, masks = task == "segment", task == "instance"
        limit = dataset.classes if segment else IGNORED
        mapped = maps and name == "train"
        if mapped and isinstance(scenes, CocoScenes):
            scenes.check_maps(range(len(scenes)))
        read = Reader(scenes, training=name == "train", masks=masks, classes=segment or mapped, limit=limit)
        left = trainable(scenes, masks=masks)[1] if name == "train" and not segment else None
        words = (left.summary(), left.cuts()) if left else ("", "")
        damaged, sizes = _read_scenes(scenes, read, through, name)
        contents[name] = PartContents(len(scenes), len(scenes.table.objects.labels), *words, damaged, sizes)
    return contents


def _read_scenes(
    scenes: Scenes, read: Callable[[int], object], through: Through | None, part: str
) -> tuple[tuple[str, ...], Sizes]:
    """A line for each unreadable image, and the comparison of sizes."""
    from attnctl.jobs.data.scenes import outside
    from attnctl.jobs.data.sizes import ImageSizeError

    wrong: list[ImageSizeError] = []
    counts: Counter[str] = Counter()

    def look(number: int) -> None:
        annotated = scenes.table.size(number)
        try:
            read(number)
        except ImageSizeError as error:
            assert annotated is not None, "an image without an annotated size has no wrong size"
            objects = scenes.table.of(number)
            wrong.append(error)
            counts.update(objects=len(objects.labels), outside=outside(objects, annotated, error.size))
            return
        stored = scenes.stored(number)
        turned = annotated is not None and stored.needs_rotation(annotated)
        counts.update(turned=turned, unconfirmed=stored.orientation != 1 and not turned)

    damaged = _damaged(len(scenes), look, through, part)
    return damaged, Sizes(tuple(error.problem for error in wrong), **counts)


def _damaged_shards(dataset: Dataset, folder: Path | None, part: str, through: Through) -> tuple[str, ...]:
    """A line for each shard of packed images whose digest is another."""
    if not dataset.packed or folder is None:
        return ()
    packing = packed.scan(folder)
    name = dict(zip(("train", "test"), packed.PARTS, strict=True))[part]
    numbers = through(range(len(packing.manifest.parts[name].shards)), f"reading the shards of {name}")
    return tuple(line for number in numbers if (line := packed.damaged(packing, name, number)))


def _damaged(count: int, read: Callable[[int], object], through: Through | None, part: str) -> tuple[str, ...]:
    """A line for each unreadable image; without `through`, no image is read."""
    problems = []
    for number in through(range(count), f"reading {part}") if through else ():
        try:
            read(number)
        except DataError as error:
            problems.append(str(error))
    return tuple(problems)
