"""The descriptors of data sets: classes, sizes, files and normalisation; `attnctl.jobs.data` loads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attnctl import own_data
from attnctl.datasets import hub, object_scan, own
from attnctl.datasets.descriptor import Archive, DataFile, Dataset
from attnctl.datasets.detection import SCENES, VOC_ANNOTATED
from attnctl.sources import plugins
from attnctl.values import SpecError, did_you_mean

__all__ = [
    "DATASETS",
    "VOC_ANNOTATED",
    "Archive",
    "DataFile",
    "Dataset",
    "canonical",
    "describe",
    "missing_files",
    "names",
]

_CIFAR_MEAN, _CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

DATASETS = {
    item.name: item
    for item in (
        Dataset(
            name="digits",
            version=1,
            classes=10,
            train_size=1437,
            test_size=360,
            height=32,
            width=32,
            mean=(0.3054, 0.3054, 0.3054),
            std=(0.3236, 0.3236, 0.3236),
            layout="embedded",
            default_backbone="resnet20",
            source="scans of handwritten digits, 8x8, in scikit-learn (UCI Optical Recognition of Handwritten Digits)",
        ),
        Dataset(
            name="cifar10",
            version=1,
            classes=10,
            train_size=50_000,
            test_size=10_000,
            height=32,
            width=32,
            mean=_CIFAR_MEAN,
            std=_CIFAR_STD,
            layout="cifar",
            default_backbone="resnet20",
            folder="cifar-10-batches-py",
            files=(
                DataFile("data_batch_1", "c99cafc152244af753f735de768cd75f"),
                DataFile("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
                DataFile("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
                DataFile("data_batch_4", "634d18415352ddfa80567beed471001a"),
                DataFile("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
                DataFile("test_batch", "40351d587109b95175f43aff81a1287e"),
            ),
            url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            archive="cifar-10-python.tar.gz",
            md5="c58f30108f718f92721af3b95e74349a",
            source="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        ),
        Dataset(
            name="cifar100",
            version=1,
            classes=100,
            train_size=50_000,
            test_size=10_000,
            height=32,
            width=32,
            mean=(0.5071, 0.4865, 0.4409),
            std=(0.2673, 0.2564, 0.2762),
            layout="cifar",
            default_backbone="resnet20",
            folder="cifar-100-python",
            files=(
                DataFile("train", "16019d7e3df5f24257cddd939b257f8d"),
                DataFile("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
            ),
            url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            archive="cifar-100-python.tar.gz",
            md5="eb9058c3a382ffc7106e4002c42a8d85",
            source="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        ),
        Dataset(
            name="imagenet",
            version=1,
            classes=1000,
            train_size=1_281_167,
            test_size=50_000,
            height=224,
            width=224,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            layout="imagefolder",
            default_backbone="resnet50",
            folder="imagenet",
            files=(DataFile("train"), DataFile("val")),
            source="ILSVRC 2012, as class folders under train/ and val/, or as tar shards",
        ),
        *SCENES,
    )
}


def names() -> list[str]:
    """The names of the data sets, including those of installed packages."""
    return sorted({*DATASETS, *plugins.registered(plugins.DATASETS)})


def describe(name: str) -> Dataset:
    """The data set of that name, or in a user's folder; raises SpecError with the most similar name.

    A package's data set is a `Dataset` in one of its modules, which is imported and should therefore import quickly. A
    folder such as `./flowers` is measured, unless it was before; its data set's name has a hash of its content.
    """
    if own_data.is_own(name) and not own.is_reference(name):
        return own.describe(name)
    if own.is_reference(name):
        return own.measure(name)
    if name in DATASETS:
        return DATASETS[name]
    if name in plugins.registered(plugins.DATASETS):
        return _packaged(name)
    folder = f"; for the folder, write ./{name}" if name and Path(name).is_dir() else ""
    raise SpecError(f"unknown dataset {name!r}{folder or did_you_mean(name, names())}")


def canonical(name: str) -> str:
    """The name as a run's spec has it: of a user's folder, that of its data set; raises SpecError."""
    return describe(name).name if own.is_reference(name) else name


@cache
def _packaged(name: str) -> Dataset:
    item = plugins.registered(plugins.DATASETS)[name]
    where = f"entry point {name!r} of {item.dist.name if item.dist else 'a package'}"
    try:
        found = item.load()
    except Exception as error:  # the package's code may raise anything; report it
        raise SpecError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, Dataset) or found.name != name:
        raise SpecError(f"{where} must be an attnctl.datasets.Dataset with name={name!r}")
    return found


def missing_files(dataset: Dataset, folder: Path | None) -> list[str]:
    """The missing files of a data set in its folder; an archive in or beside the folder counts as its files."""
    if dataset.code:  # what it reads is not known
        return []
    if dataset.columns and folder is not None:
        return hub.missing_files(folder)
    if dataset.is_own and folder is not None:
        parts = (*dataset.train_parts, *dataset.test_parts)
        needed = object_scan.VOC_FOLDERS if dataset.layout == "voc" else parts
        return [name for name in needed if not (folder / name).is_dir()]
    if dataset.layout == "embedded" or not dataset.files:
        return []
    if folder is None:
        return [item.name for item in dataset.files]
    if dataset.archive and ((folder / dataset.archive).is_file() or (folder.parent / dataset.archive).is_file()):
        return []
    missing = [item.name for item in dataset.files if not (folder / item.name).exists()]
    empty = [
        f"{item.name} (empty)"
        for item in dataset.files
        if (path := folder / item.name).is_dir() and not any(path.iterdir())
    ]
    return missing + empty
