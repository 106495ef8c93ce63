"""Images for a trained network: prepared as they are for the evaluation of its data set.

A classifier sees the middle of an image at its own size; what has a model around its backbone sees images whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.transforms import v2

from attnctl import models
from attnctl.datasets import Dataset, describe
from attnctl.jobs.data import load_splits
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.files import IMAGE_SUFFIXES, ImageFiles, open_parts
from attnctl.jobs.data.images import Transform, decoded, transforms
from attnctl.jobs.data.memory import resized
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.values import SpecError


@dataclass(frozen=True)
class Picture:
    """An image as a network sees it.

    pixels: (3, H, W) uint8, before it is normalised. label: its class; None where it is not known.
    """

    name: str
    pixels: Tensor
    label: int | None = None

    def shown(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) bytes."""
        array: npt.NDArray[np.uint8] = self.pixels.permute(1, 2, 0).contiguous().numpy()
        return array


def batch(pictures: Sequence[Picture], spec: RunSpec, device: torch.device) -> Tensor:
    """What goes into the network: (n, 3, H, W) float32, as in the evaluation: detectors normalise images themselves.

    pictures: of one size.
    """
    dataset = describe(spec.dataset)
    images = torch.stack([picture.pixels for picture in pictures]).to(device)
    if models.task(spec.model) in ("detect", "instance"):
        return images.float() / 255
    return Normalize(dataset.mean, dataset.std, device)(images)


def find_files(given: Sequence[Path], count: int | None) -> list[Path]:
    """The files that are named, and the first `count` images (None: all) of each folder that is; raises SpecError."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
            if not inside:
                raise SpecError(f"there are no images ({', '.join(IMAGE_SUFFIXES)}) in {path}")
            found += inside[:count]
        elif path.is_file():
            found.append(path)
        else:
            raise SpecError(f"there is no image {path}")
    return found


def of_files(files: Sequence[Path], spec: RunSpec) -> list[Picture]:
    """Image files of any size, as the run's network takes them; raises DataError naming a file."""
    prepare = _preparation(spec)
    return [Picture(file.name, prepare(decoded(file.read_bytes, str(file)))) for file in files]


def of_test_set(spec: RunSpec, roots: DataRoots, count: int, classes: Sequence[int] = ()) -> list[Picture]:
    """The first images of the data set's test set: `count` of them, or of each of some classes, class by class.

    Raises DataError when its files are missing or damaged, SpecError for a class that it does not have.
    """
    dataset = describe(spec.dataset)
    if spec.model and classes:
        raise SpecError(f"an image of {dataset.name} shows objects of many classes, so that none is of one class")
    if spec.model:
        return _scenes(spec, roots, count)
    for number in classes:
        if not 0 <= number < dataset.classes:
            raise SpecError(f"{dataset.name} has no class {number}; its classes are 0 to {dataset.classes - 1}")
    if dataset.layout == "imagefolder":
        (files,) = open_parts(dataset, roots.folder(dataset.name), ("val",))
        prepare = _preparation(spec)
        return [_picture(files, number, prepare) for number in _first(files.labels, count, classes)]
    test = load_splits(dataset, roots).test
    numbers = _first(test.labels.numpy(), count, classes)
    images, labels = test.part(torch.from_numpy(numbers))
    images = resized(images, spec.recipe.input_size)
    return [Picture(str(n), image, int(k)) for n, image, k in zip(numbers, images, labels, strict=True)]


def _scenes(spec: RunSpec, roots: DataRoots, count: int) -> list[Picture]:
    from attnctl.jobs.data.scene_data import open_parts

    dataset = describe(spec.dataset)
    test = open_parts(dataset, roots.folder(dataset.name), models.task(spec.model)).test
    prepare = _preparation(spec)
    return [Picture(Path(test.name(k)).name, prepare(test.image(k))) for k in range(min(count, len(test)))]


def _first(labels: npt.NDArray[np.int64], count: int, classes: Sequence[int]) -> npt.NDArray[np.int64]:
    """The numbers of the first samples, or of the first of each class."""
    if not classes:
        return np.arange(min(count, len(labels)))
    return np.concatenate([np.flatnonzero(labels == number)[:count] for number in classes])


def _picture(files: ImageFiles, number: int, prepare: Transform) -> Picture:
    image = decoded(lambda: files.read(number), files.name(number))
    return Picture(Path(files.name(number)).name, prepare(image), int(files.labels[number]))


def _preparation(spec: RunSpec) -> Transform:
    """From an image in three channels to what the network takes: (3, side, side) uint8; with a model as it is."""
    dataset: Dataset = describe(spec.dataset)
    if spec.model:
        whole: Transform = v2.PILToTensor()
        return whole
    if dataset.layout == "imagefolder":
        return transforms("none", spec.recipe.input_size or dataset.height)[1]
    size = (dataset.height, dataset.width)
    to_size = v2.Compose([v2.Resize(max(size)), v2.CenterCrop(size), v2.PILToTensor()])
    return lambda image: resized(to_size(image)[None], spec.recipe.input_size)[0]
