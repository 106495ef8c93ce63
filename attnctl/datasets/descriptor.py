"""The descriptor of a data set: classes, sizes, files and normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from attnctl.spec import Task

READER = 1
"""Version of the reading of image files for classification. 1: JPEG files are decoded by torchvision, and crops are
scaled as bytes. Raised when the pixels that a network sees change."""


@dataclass(frozen=True)
class DataFile:
    """A required file, relative to the data set's folder, with its MD5 if published."""

    name: str
    md5: str = ""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A published archive with a part of a data set.

    gives: what it unpacks to in the data set's folder. inside: the folder of the archive to unpack; empty for all of
    it. into: the folder within the data set's folder to unpack it into; empty: that folder itself. size: in bytes.
    md5: empty if none is published; the files of a zip have check sums of their own.
    """

    name: str
    url: str
    gives: str
    md5: str
    size: int
    inside: str = ""
    into: str = ""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set. Sizes in samples; `mean` and `std` per channel, of pixels in 0..1.

    classes: of objects, without background, for detect and instance; with background, which is 0, for segment
    height, width: of every image; 0 where each image has its own
    """

    name: str
    version: int
    classes: int
    train_size: int
    test_size: int
    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: Literal["embedded", "cifar", "imagefolder", "loaded", "voc", "coco"]
    default_backbone: str = ""
    """The default backbone of a classifier; a model has its own."""
    tasks: tuple[Task, ...] = ("classify",)
    names: tuple[str, ...] = ()
    """The class names in order, if known without the files."""
    channels: int = 3
    folder: str = ""
    """The name of its folder under the data root."""
    files: tuple[DataFile, ...] = ()
    url: str = ""
    archive: str = ""
    md5: str = ""
    """The MD5 of the archive."""
    archives: tuple[Archive, ...] = ()
    """The archives of a data set published in several; `url` is then empty."""
    map_archives: tuple[Archive, ...] = ()
    """The archives of class maps of its images, with which some models train too (`attnctl.models.Model.maps`)."""
    train_parts: tuple[str, ...] = ()
    """Layouts `voc` and `coco`: the training parts. COCO: `train2017` is the images' folder, and the annotations are
    in annotations/instances_train2017.json. VOC: `VOC2007/trainval` is a list in VOC2007/ImageSets/Main, or, for
    segment, in VOC2007/ImageSets/Segmentation. See `attnctl.jobs.data.coco` and `attnctl.jobs.data.voc`."""
    test_parts: tuple[str, ...] = ()
    """The evaluation parts, in the form of `train_parts`."""
    source: str = ""
    recipe: str = "cifar"
    """Its default recipe; `attnctl.recipes` has those of the built-in data sets."""
    content: str = ""
    """A user's own data set: `sha256:` and a digest of all its files, or `sample:` and a digest of their names, sizes
    and times, and of some of them; empty for any other."""
    split: float = 0.0
    """The fraction of a user's images that is evaluated, where they are not in two parts."""
    split_seed: int = 0
    """Which images that fraction consists of."""
    code: str = ""
    """A user's own data set that is made by code: the class or function, such as `flowers:make`."""
    code_version: str = ""
    """The version of the file with that code."""
    columns: tuple[str, ...] = ()
    """A user's own data set of Hugging Face: the columns of its images and of their classes."""
    packed: str = ""
    """The name of the data set that `attnctl data pack` resized to make this one (`attnctl.datasets.packed`)."""
    load: str = ""
    """Layout `loaded`: `module:function` that maps the folder (or None) to the training and the test set, each
    as (images, labels): arrays (n, 3, H, W) of bytes and (n,) of whole numbers."""

    @property
    def run_version(self) -> int:
        """The version in the ids of runs: the data set's, and 100 for each version of the reading of its files."""
        return self.version + 100 * READER if self.layout == "imagefolder" else self.version

    @property
    def can_be_fetched(self) -> bool:
        """Whether `attnctl data fetch` can download it."""
        return bool(self.url or self.archives)

    @property
    def is_own(self) -> bool:
        """Whether it is a user's own data set, which is named by its folder and by its content."""
        return bool(self.content)
