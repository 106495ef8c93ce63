"""Looking through a data set's files: whether they are all there and can be read, and what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from attnctl.datasets import Dataset
from attnctl.jobs.data.errors import DataError
from attnctl.settings.config import DataRoots

if TYPE_CHECKING:
    from attnctl.jobs.data.files import ImageFiles
    from attnctl.jobs.data.scenes import Scenes


@dataclass(frozen=True)
class Sizes:
    """The images' sizes beside their annotations. wrong: a line for each image that has another size.

    objects: on the wrong images. outside: those of them that do not lie inside their image. turned: images that have
    their annotated size once turned upright by their EXIF orientation. unconfirmed: images that are used as stored,
    whose EXIF orientation leaves the size as it is, or whose annotations have no size.
    """

    wrong: tuple[str, ...] = ()
    objects: int = 0
    outside: int = 0
    turned: int = 0
    unconfirmed: int = 0


@dataclass(frozen=True)
class Checked:
    """What a part holds. left_out: what a training leaves out, in words. damaged: a line for each image that is."""

    images: int
    objects: int = 0
    left_out: str = ""
    damaged: tuple[str, ...] = ()
    sizes: Sizes = Sizes()


Through = Callable[[Sequence[int], str], Iterable[int]]
"""Goes through numbers, telling how far it is: called with what is done with them in words."""


def check(dataset: Dataset, roots: DataRoots, *, images: bool, through: Through) -> dict[str, Checked]:
    """What the parts `train` and `test` hold; images: every image is read. Raises DataError for all but images."""
    folder = roots.folder(dataset.name)
    if dataset.layout == "imagefolder":
        from attnctl.jobs.data.files import open_parts

        found = {}
        for part, files in zip(("train", "test"), open_parts(dataset, folder), strict=True):
            damaged = _damaged(len(files.labels), partial(_decoded, files), through if images else None, part)
            found[part] = Checked(len(files.labels), damaged=damaged)
        return found
    if "classify" in dataset.tasks:
        from attnctl.jobs.data import load_splits

        splits = load_splits(dataset, roots)
        return {"train": Checked(len(splits.train.labels)), "test": Checked(len(splits.test.labels))}
    return _scenes(dataset, roots, through if images else None)


def _decoded(files: ImageFiles, number: int) -> object:
    from attnctl.jobs.data.images import decoded

    return decoded(lambda: files.read(number), files.name(number))


def _scenes(dataset: Dataset, roots: DataRoots, through: Through | None) -> dict[str, Checked]:
    """Of what serves several tasks, that which reads most is looked at."""
    from attnctl.jobs.data.pictures import Reader
    from attnctl.jobs.data.scene_data import open_parts
    from attnctl.jobs.data.scenes import IGNORED, trained_on

    task = "instance" if "instance" in dataset.tasks else dataset.tasks[0]
    found = {}
    for name, scenes in zip(("train", "test"), open_parts(dataset, roots.folder(dataset.name), task), strict=True):
        segment, masks = task == "segment", task == "instance"
        limit = dataset.classes if segment else IGNORED
        read = Reader(scenes, learning=name == "train", masks=masks, classes=segment, limit=limit)
        left = trained_on(scenes, masks=masks)[1].words() if name == "train" and not segment else ""
        damaged, sizes = _read_scenes(scenes, read, through, name)
        found[name] = Checked(len(scenes), len(scenes.table.objects.labels), left, damaged, sizes)
    return found


def _read_scenes(
    scenes: Scenes, read: Callable[[int], object], through: Through | None, part: str
) -> tuple[tuple[str, ...], Sizes]:
    """A line for each image that cannot be read, and what there is to tell of their sizes."""
    from attnctl.jobs.data.scenes import outside
    from attnctl.jobs.data.sizes import ImageSizeError

    wrong: list[ImageSizeError] = []
    counts: Counter[str] = Counter()

    def look(number: int) -> None:
        annotated = scenes.table.size(number)
        try:
            read(number)
        except ImageSizeError as error:
            assert annotated is not None, "else there is no other size"
            objects = scenes.table.of(number)
            wrong.append(error)
            counts.update(objects=len(objects.labels), outside=outside(objects, annotated, error.size))
            return
        stored = scenes.stored(number)
        turned = annotated is not None and stored.turns(annotated)
        counts.update(turned=turned, unconfirmed=stored.orientation != 1 and not turned)

    damaged = _damaged(len(scenes), look, through, part)
    return damaged, Sizes(tuple(error.finding for error in wrong), **counts)


def _damaged(count: int, read: Callable[[int], object], through: Through | None, part: str) -> tuple[str, ...]:
    """A line for each image that cannot be read; none are read without `through`."""
    found = []
    for number in through(range(count), f"reading {part}") if through else ():
        try:
            read(number)
        except DataError as error:
            found.append(str(error))
    return tuple(found)
