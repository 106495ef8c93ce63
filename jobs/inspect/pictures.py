"""Images for a trained network, prepared as in the evaluation of its data set.

A classifier sees the centre of an image in its own input size; detectors and segmentation networks see whole images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from attnctl import models
from attnctl.datasets import Dataset, describe
from attnctl.datasets.class_folders import IMAGE_SUFFIXES, is_image
from attnctl.files import read_regular
from attnctl.jobs.data import load_splits
from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.crops import to_pixels
from attnctl.jobs.data.files import ImageFiles, open_parts
from attnctl.jobs.data.images import Transform, read_pixels, transforms
from attnctl.jobs.data.memory import resize
from attnctl.jobs.data.own_files import open_own
from attnctl.jobs.data.scenes import IGNORED, Scenes, no_objects, valid_boxes
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec, Task
from attnctl.values import SpecError


@dataclass(frozen=True)
class Truth:
    """What is annotated in an image with several objects: its objects, or the class of each pixel.

    boxes: (N, 4), x1 y1 x2 y2 in pixels. labels: (N,) from 1. masks: (N, H, W), for networks that predict masks.
    classes: (H, W), for segmentation networks; 0 is the background, and what is ignored.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    masks: npt.NDArray[np.bool_] | None = None
    classes: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Picture:
    """An image for a network.

    pixels: (3, H, W) uint8, not normalised. label: its class, or None if unknown. truth: its annotations, if it is of a
    data set of detection or segmentation.
    """

    name: str
    pixels: Tensor
    label: int | None = None
    truth: Truth | None = None

    def shown(self) -> npt.NDArray[np.uint8]:
        """The image as an array (H, W, 3)."""
        array: npt.NDArray[np.uint8] = self.pixels.permute(1, 2, 0).contiguous().numpy()
        return array


def batch(pictures: Sequence[Picture], spec: RunSpec, device: torch.device) -> Tensor:
    """The network's input: (n, 3, H, W) float32, as in the evaluation; detectors normalise images themselves.

    pictures: must have the same size.
    """
    dataset = describe(spec.dataset)
    images = torch.stack([picture.pixels for picture in pictures]).to(device)
    if models.task(spec.model) in ("detect", "instance"):
        return images.float() / 255
    return Normalize(dataset.mean, dataset.std, device)(images)


def find_files(given: Sequence[Path], count: int | None) -> list[Path]:
    """The given files, and the first `count` images (None: all) of each given folder; raises SpecError."""
    files: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.iterdir()
                if is_image(file.name) and not file.name.startswith(".") and not file.is_dir()
            )
            if not inside:
                raise SpecError(f"{path} contains no images ({', '.join(IMAGE_SUFFIXES)})")
            files += inside[:count]
        elif path.is_file():
            files.append(path)
        else:
            raise SpecError(f"there is no image {path}")
    return files


def of_files(files: Sequence[Path], spec: RunSpec) -> list[Picture]:
    """Image files of any size, prepared for the run's network; raises DataError naming a file."""
    prepare = preparation(spec)
    return [Picture(file.name, prepare(read_pixels(partial(read_regular, file), str(file)))) for file in files]


def of_test_set(spec: RunSpec, roots: DataRoots, count: int, classes: Sequence[int] = ()) -> list[Picture]:
    """The first images of the data set's test set: `count` of them, or `count` of each of the given classes.

    Raises DataError if its files are missing or damaged, and SpecError for an unknown class.
    """
    dataset = describe(spec.dataset)
    if spec.model and classes:
        raise SpecError(f"images of {dataset.name} have no single class: they show objects of several classes")
    if spec.model:
        return _scenes(spec, roots, count)
    for number in classes:
        if not 0 <= number < dataset.classes:
            raise SpecError(f"{dataset.name} has no class {number}; its classes are 0 to {dataset.classes - 1}")
    if dataset.layout == "imagefolder":
        folder = roots.folder(dataset.name)
        if dataset.is_own:
            _, files = open_own(dataset, folder, signature=roots.signature(dataset.name))
        else:
            (files,) = open_parts(dataset, folder, ("val",))
        prepare = preparation(spec)
        return [_picture(files, number, prepare) for number in _first(files.labels, count, classes)]
    test = load_splits(dataset, roots).test
    numbers = _first(test.labels.numpy(), count, classes)
    images, labels = test.part(torch.from_numpy(numbers))
    images = resize(images, spec.recipe.input_size)
    return [Picture(str(n), image, int(k)) for n, image, k in zip(numbers, images, labels, strict=True)]


def _scenes(spec: RunSpec, roots: DataRoots, count: int) -> list[Picture]:
    from attnctl.jobs.data.scene_data import open_parts

    dataset, task = describe(spec.dataset), models.task(spec.model)
    test = open_parts(dataset, roots.folder(dataset.name), task).test
    prepare = preparation(spec)
    found = []
    for k in range(min(count, len(test))):
        pixels = prepare(to_pixels(test.image(k)))
        found.append(Picture(Path(test.name(k)).name, pixels, truth=_truth(test, k, task, pixels)))
    return found


def _truth(scenes: Scenes, index: int, task: Task, pixels: Tensor) -> Truth:
    """The annotations of an image; raises DataError."""
    height, width = pixels.shape[1:]
    if task == "segment":
        classes = scenes.classes(index, height, width)
        nothing = no_objects()
        return Truth(nothing.boxes, nothing.labels, classes=np.where(classes == IGNORED, np.uint8(0), classes))
    objects = scenes.table.of(index)
    valid = valid_boxes(objects)
    masks = scenes.masks(index, height, width)[valid].astype(np.bool_) if task == "instance" else None
    return Truth(objects.boxes[valid], objects.labels[valid], masks)


def _first(labels: npt.NDArray[np.int64], count: int, classes: Sequence[int]) -> npt.NDArray[np.int64]:
    """The numbers of the first samples, or of the first samples of each class."""
    if not classes:
        return np.arange(min(count, len(labels)))
    return np.concatenate([np.flatnonzero(labels == number)[:count] for number in classes])


def _picture(files: ImageFiles, number: int, prepare: Transform) -> Picture:
    image = read_pixels(lambda: files.read(number), files.name(number))
    return Picture(Path(files.name(number)).name, prepare(image), int(files.labels[number]))


def prepared(image: Image.Image, spec: RunSpec) -> Tensor:
    """An image of any mode, prepared for the run's network: (3, H, W) uint8."""
    return preparation(spec)(to_pixels(image if image.mode == "RGB" else image.convert("RGB")))


def preparation(spec: RunSpec) -> Transform:
    """Prepare an RGB image for the network: (3, side, side) uint8; for a detector or segmenter in its own size."""
    dataset: Dataset = describe(spec.dataset)
    if spec.model:
        return lambda image: image
    if dataset.layout == "imagefolder":
        return transforms("none", spec.recipe.input_size or dataset.height)[1]
    size = (dataset.height, dataset.width)
    to_size = v2.Compose([v2.ToPILImage(), v2.Resize(max(size)), v2.CenterCrop(size), v2.PILToTensor()])
    return lambda image: resize(to_size(image)[None], spec.recipe.input_size)[0]
