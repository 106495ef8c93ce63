"""`attnctl data`: bringing the published data sets to where the runs read them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnctl import datasets
from attnctl.cli import completion, context, output, output_files
from attnctl.cli.commands import listings
from attnctl.datasets import own
from attnctl.files import made_aside
from attnctl.units import plural, quantity
from attnctl.values import SpecError, comma_join

if TYPE_CHECKING:
    from attnctl.jobs.data.checking import Sizes

Form = Literal["coco", "voc"]

_MIB = 1 << 20


def fetch(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A data set that can be downloaded.", autocompletion=completion.datasets
        ),
    ],
    maps: Annotated[bool, typer.Option("--maps", help="Also the class maps that htc trains with (COCO).")] = False,
) -> None:
    """Download a data set, verify it, and resume an interrupted download.

    Examples:
        attnctl data fetch cifar10
        attnctl data fetch coco --maps
    """
    from attnctl.jobs.data.fetch import fetch as download

    described = datasets.describe(dataset)
    _check_maps(described, maps)
    folder = context.config().data.folder(dataset)
    if folder is None:
        output.line(f"{dataset} is embedded; nothing to download")
        return
    if described.archives:
        wanted = (*described.archives, *(described.map_archives if maps else ()))
        size = sum(archive.size for archive in wanted) / _MIB
        archives = quantity(len(wanted), "archive")
        output.note(f"{dataset}: {size:,.0f} MiB in {archives}; existing files are kept")
    with progress(dataset) as report:
        download(described, folder, report, maps=maps)
    output.line(f"{dataset} is in {folder}")


def _check_maps(dataset: datasets.Dataset, maps: bool) -> None:
    """Raise SpecError for --maps with a data set that has no class maps."""
    if maps and not dataset.map_archives:
        having = [name for name in datasets.names() if datasets.describe(name).map_archives]
        raise SpecError(f"--maps: {dataset.name} has no class maps to train with; {comma_join(having)} has them")


def check(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="The data set.", autocompletion=completion.datasets)
    ],
    images: Annotated[
        bool, typer.Option("--images", help="Also read every image, with its masks or class map.")
    ] = False,
    maps: Annotated[bool, typer.Option("--maps", help="Also the class maps that htc trains with (COCO).")] = False,
    as_json: context.AsJson = False,
) -> int:
    """Check the files of a data set, and count its images and classes.

    Also counts the objects that training leaves out. The exit code is 1 if images are damaged or differ from their
    annotated size; each is listed.

    Examples:
        attnctl data check voc07 --images
        attnctl data check ./flowers --images
    """
    from attnctl.jobs.data.checking import check as check_files
    from attnctl.jobs.data.errors import FaultyFilesError

    described = datasets.describe(dataset)
    _check_maps(described, maps)
    roots = context.config(new=described.is_own).data
    try:
        parts = check_files(described, roots, images=images, through=output_files.tracked, maps=maps)
    except FaultyFilesError as error:
        for line in error.problems[1:]:
            output.note(line)
        raise SpecError(error.problems[0]) from error
    faults = [line for part in parts.values() for line in (*part.damaged, *part.sizes.wrong)]
    notes = own.notes(described)
    if as_json:
        more = {"notes": notes} if described.is_own else {}
        output.document(
            {"dataset": described.name} | more | {"parts": {name: asdict(part) for name, part in parts.items()}}
        )
        return 1 if faults else 0
    for name, part in parts.items():
        output.line(
            f"{name}: {quantity(part.images, 'image')}"
            + (f", {quantity(part.objects, 'object')}" if part.objects else "")
        )
        if part.left_out:
            output.line(f"  not used for training: {part.left_out}")
        if part.cut:
            output.line(f"  {part.cut}")
        for line in (*_of_sizes(name, part.sizes), *part.changed, *_of_other_files(part.other_files)):
            output.line(f"  {line}")
    for line in (*notes, *faults):
        output.line(line)
    if maps and not faults:
        output.line("train: every image has a class map")
    if images and not faults:
        output.line("every image can be read")
    return 1 if faults else 0


def _of_sizes(part: str, sizes: Sizes) -> Iterator[str]:
    """What there is to say of images whose size, or whose EXIF orientation, is not as annotated."""
    if sizes.turned:
        yield f"{_images_are(sizes.turned)} turned upright by EXIF orientation, which gives the annotated size"
    if sizes.unconfirmed:
        yield f"{_images_are(sizes.unconfirmed)} used as stored: the annotated size does not confirm EXIF orientation"
    if sizes.wrong:
        count = f"{sizes.outside} of their {quantity(sizes.objects, 'object')}"
        lost = f"a training would leave out {count}" if part == "train" else f"{count} would lie outside"
        yield f"{_images_are(len(sizes.wrong))} not of the annotated size, so runs are refused: {lost}"


def _of_other_files(paths: Sequence[str]) -> Iterator[str]:
    """What there is to say of files that are not read: each by name."""
    for path in paths:
        yield f"left out, since it has no image suffix or is in no class folder: {path}"


def _images_are(count: int) -> str:
    return f"{quantity(count, 'image')} {plural(count, 'is', 'are')}"


def pack(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="imagenet, or your own images.", autocompletion=completion.datasets)
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to write (default: beside the images, with -SIDE).")
    ] = None,
    side: Annotated[
        int, typer.Option("--side", metavar="N", min=32, max=4096, help="Shorter side of the packed images, in pixels.")
    ] = 256,
    quality: Annotated[
        int, typer.Option("--quality", metavar="N", min=1, max=100, help="JPEG quality of the packed images.")
    ] = 90,
    raw: Annotated[
        bool, typer.Option("--raw", help="Store uncompressed pixels: 6 times the space, and faster still.")
    ] = False,
    as_json: context.AsJson = False,
) -> None:
    """Resize images once and pack them into shards.

    Training reads the shards several times as fast. They are a data set of their own, which you name by its folder. The
    same command goes on after Ctrl-C, and repairs damaged shards.

    Examples:
        attnctl data pack imagenet --side 256
        attnctl data pack ./flowers /scratch/flowers-256
    """
    described = datasets.describe(dataset)
    if described.layout != "imagefolder" or described.packed:
        raise SpecError(f"{described.name} cannot be packed; imagenet and your own images of classes can")
    roots = context.config(new=described.is_own).data
    from attnctl.jobs.data import shards

    target = folder if folder is not None else shards.default_folder(described, roots, side)
    output_files.check_place(target)
    manifest = shards.pack_dataset(
        described, roots, target, side=side, quality=0 if raw else quality, through=output_files.tracked
    )
    packed = datasets.describe(str(target.resolve()))
    sizes = {part: item.images for part, item in manifest.parts.items()}
    if as_json:
        output.document({"dataset": packed.name, "folder": str(target), "source": described.name, "images": sizes})
        return
    size = sum(shard.size for part in manifest.parts.values() for shard in part.shards) / _MIB
    output.line(
        f"{target} holds {described.name}: {quantity(sizes['train'], 'image')} in train and {sizes['val']} in val, "
        f"{size:,.0f} MiB"
    )
    output.line(f"to train on it: --dataset {target.resolve()}")


def write(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="A built-in data set of objects: digits-det or digits-seg.",
            autocompletion=completion.datasets,
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to create.")],
    form: Annotated[Form, typer.Option("--format", help="File layout to write.")] = "coco",
) -> None:
    """Write a built-in data set of objects as files: images, boxes, masks and class maps.

    Examples:
        attnctl data write digits-det --format voc digits
    """
    described = datasets.describe(dataset)
    if described.layout != "embedded" or "classify" in described.tasks:
        writable = [
            name
            for name in datasets.names()
            if datasets.describe(name).layout == "embedded" and "classify" not in datasets.describe(name).tasks
        ]
        raise SpecError(f"{dataset} cannot be written; choose one of {comma_join(writable)}")
    output_files.check_place(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(f"cannot write {folder}: it already exists; name another folder")
    from attnctl.jobs.data.scene_data import open_parts
    from attnctl.jobs.data.written import write as write_files

    parts = open_parts(described, None, described.tasks[0])
    with made_aside(folder) as aside:
        write_files({"train": parts.train, "val": parts.test}, aside, form)
    output.line(
        f"{folder} holds {dataset}: {quantity(len(parts.train), 'image')} in train and {len(parts.test)} in val"
    )


def list_(as_json: context.AsJson = False) -> None:
    """List data sets and whether they are available.

    Examples:
        attnctl data list
    """
    listings.datasets(as_json=as_json)


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, else a line at the start and one every 64 MiB."""
    if output.is_terminal(sys.stderr):
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True, highlight=False)) as bars:
            task = bars.add_task(name, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
    else:
        yield _Lines(name)


class _Lines:
    """Progress for a log: called with the bytes so far and in all, it says something now and then."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._next = 0

    def __call__(self, done: int, total: int | None) -> None:
        if done >= self._next:
            self._next = done + 64 * _MIB
            output.note(f"{self._dataset}: {done // _MIB} of {total // _MIB if total else '?'} MiB")
