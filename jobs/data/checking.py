"""Looking through a data set's files: whether they are all there and can be read, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from attnctl.datasets import Dataset
from attnctl.jobs.data.errors import DataError
from attnctl.settings.config import DataRoots

if TYPE_CHECKING:
    from attnctl.jobs.data.files import ImageFiles


@dataclass(frozen=True)
class Checked:
    """What a part holds. left_out: what a training leaves out, in words. damaged: a line for each image that is."""

    images: int
    objects: int = 0
    left_out: str = ""
    damaged: tuple[str, ...] = ()


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
        found[name] = Checked(
            len(scenes), len(scenes.table.objects.labels), left, _damaged(len(scenes), read, through, name)
        )
    return found


def _damaged(count: int, read: Callable[[int], object], through: Through | None, part: str) -> tuple[str, ...]:
    """A line for each image that cannot be read; none are read without `through`."""
    found = []
    for number in through(range(count), f"reading {part}") if through else ():
        try:
            read(number)
        except DataError as error:
            found.append(str(error))
    return tuple(found)
