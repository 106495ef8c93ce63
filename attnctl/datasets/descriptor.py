"""What is said of a data set: classes, sizes, files and normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from attnctl.spec import Task


@dataclass(frozen=True)
class DataFile:
    """A file that must be there, relative to the data set's folder; its MD5 when the publisher gives one."""

    name: str
    md5: str = ""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A published archive that holds a part of a data set, as a tree of files.

    gives: what is in the data set's folder when it is unpacked. inside: the folder in the archive that goes there;
    empty is all of it. size: in bytes.
    """

    name: str
    url: str
    gives: str
    md5: str
    size: int
    inside: str = ""


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
    """Of a classifier; a model has its own."""
    tasks: tuple[Task, ...] = ("classify",)
    names: tuple[str, ...] = ()
    """Of the classes in their order, where they are known without the files."""
    channels: int = 3
    folder: str = ""
    """The name of its folder under the data root."""
    files: tuple[DataFile, ...] = ()
    url: str = ""
    archive: str = ""
    md5: str = ""
    """Of the archive."""
    archives: tuple[Archive, ...] = ()
    """Of a set that is published in several, which unpack to many files; `url` is empty then."""
    train_parts: tuple[str, ...] = ()
    """Of layouts `voc` and `coco`: what is trained on. COCO: `train2017` is the images' folder, and the annotations are
    in annotations/instances_train2017.json. VOC: `VOC2007/trainval` is a list in VOC2007/ImageSets/Main, or, for
    segment, in VOC2007/ImageSets/Segmentation. See `attnctl.jobs.data.coco` and `attnctl.jobs.data.voc`."""
    test_parts: tuple[str, ...] = ()
    """What is evaluated; written as `train_parts`."""
    source: str = ""
    recipe: str = "cifar"
    """The recipe that goes with it; the built-in data sets have theirs in `attnctl.recipes`."""
    load: str = ""
    """Of layout `loaded`: `module:function` that takes the folder (None without one) and gives the training and the
    test set, each as (images, labels): arrays (n, 3, H, W) of bytes and (n,) of whole numbers."""

    @property
    def can_be_fetched(self) -> bool:
        """Whether `attnctl data fetch` can download it."""
        return bool(self.url or self.archives)
