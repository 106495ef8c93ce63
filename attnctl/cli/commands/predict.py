"""`attnctl predict`: the output of a trained network on images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.drawing import trained_networks
from attnctl.cli.option_groups import Shown
from attnctl.cli.output_files import check_place, tracked
from attnctl.cli.run_selection import chosen
from attnctl.cli.table_layout import Column
from attnctl.files import write_atomic
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.jobs.inspect.pictures import Picture
    from attnctl.jobs.inspect.predict import Classified, Detected, Mapped
    from attnctl.settings.config import Config


def predict(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A run's id, or its first digits.", autocompletion=completion.runs_and_sweeps
        ),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE|DIR",
            help="Images, or folders of images (default: the first of the test set).",
            show_default=False,
        ),
    ] = None,
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the pictures, PNG files (default: predict-RUN; none with --json or of classifiers).",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Lowest score of objects to show.")] = 0.5,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="Images of each folder or of the test set (default: all of a folder, 5 of the test set)."
        ),
    ] = None,
    inspected: Annotated[trained_networks.InspectOptions, Shown(only=("device",))],
    force: Annotated[bool, typer.Option("--force", help="Replace existing pictures.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Classify images, or draw what a detector finds.

    Classifiers: the most probable classes are printed; for images of the test set also the true class if it is another.
    Detectors: boxes, and masks where the network predicts them, with the class name and score. Segmentation networks:
    the classes are drawn over the image, and NAME.classes.png holds the class number of each pixel, as in PASCAL VOC.
    Images of the test set show their annotations beside the prediction.

    Examples:
        attnctl predict 3fa2 street.jpg -o predictions
        attnctl predict 3fa2 photos --threshold 0.3 --json
    """
    config = context.config()
    name = _single_run(config, run)
    from attnctl.jobs.inspect import predict as prediction  # torch, once the run is known

    spec = config.workspace.run(name).read_spec()
    if not spec.model and folder is not None:
        raise SpecError(f"run {name} is a classifier, which draws nothing; leave out -o")
    pictures, files = _pictures(config, name, images or [], count)
    drawn = bool(spec.model) and not as_json
    target = folder if folder is not None else Path(f"predict-{name[:8]}") if drawn else None
    paths = _picture_paths(target, pictures, files, force=force) if target is not None else []
    names = prediction.class_names(spec)
    with output.others_on_standard_error():
        (network,) = trained_networks.networks(config, [name], inspected.device)
        results = [prediction.predict(network, picture, threshold) for picture in tracked(pictures, "images")]
    for number, (picture, result) in enumerate(zip(pictures, results, strict=True)):
        if paths and not isinstance(result, prediction.Classified):
            _write(paths[number], picture, result, names)
    if as_json:
        output.document(_document(name, names, pictures, results, paths, threshold))
    else:
        rows = [(picture.name, result.summary(names)) for picture, result in zip(pictures, results, strict=True)]
        output.table((Column("image"), Column("found", wrap=30)), rows)
    if target is not None:
        output.note(f"written: {target}")


def _single_run(config: Config, target: str) -> str:
    """The run's id; raises SpecError for a sweep of several."""
    runs = chosen(config.workspace, [target])
    if len(runs) > 1:
        raise SpecError(f"{target} is {len(runs)} runs, such as {runs[0]}; predict takes one")
    return runs[0]


def _pictures(
    config: Config, run: str, images: Sequence[str], count: int | None
) -> tuple[Sequence[Picture], Sequence[Path]]:
    """The images, all read before anything is computed, and their files unless they are from the test set."""
    chosen_files = trained_networks.paths(images, "IMAGE")
    absent = next((path for path in chosen_files if not path.exists()), None)
    if absent is not None:  # before torch is imported
        raise SpecError(f"there is no image {absent}")
    from attnctl.jobs.inspect import pictures

    spec = config.workspace.run(run).read_spec()
    if not images:
        return pictures.of_test_set(spec, config.data, count or 5), []
    files = pictures.find_files(chosen_files, count)
    return pictures.of_files(files, spec), files


def _picture_paths(folder: Path, pictures: Sequence[Picture], files: Sequence[Path], *, force: bool) -> list[Path]:
    """A distinct output file for each picture; raises SpecError if one cannot be written."""
    check_place(folder.absolute())
    if folder.exists() and not folder.is_dir():
        raise SpecError(f"cannot write into {folder}: it is not a folder")
    names: set[str] = set()
    paths = []
    for picture in pictures:
        stem = Path(picture.name).stem
        name = next(name for k in range(len(pictures) + 1) if (name := f"{stem}-{k + 1}" if k else stem) not in names)
        names.add(name)
        paths.append(folder / f"{name}.png")
    inputs = {file.resolve() for file in files}
    for path in paths:
        if path.resolve() in inputs:
            raise SpecError(f"{path} is one of the input images; name another folder with -o")
        if path.exists() and not force:
            raise SpecError(f"{path} already exists; --force replaces it")
    return paths


def _write(path: Path, picture: Picture, result: Detected | Mapped, names: Sequence[str]) -> None:
    """Write the picture and, for a segmentation network, the class map beside it."""
    from attnctl.jobs.inspect import predict_pictures
    from attnctl.jobs.inspect.predict import Mapped

    images = {path: predict_pictures.beside_truth(picture, result, names)}
    if isinstance(result, Mapped):
        images[path.with_suffix(".classes.png")] = predict_pictures.class_image(result)
    for path, image in images.items():
        stream = io.BytesIO()
        image.save(stream, "png")
        write_atomic(path, stream.getvalue())


def _document(
    run: str,
    names: Sequence[str],
    pictures: Sequence[Picture],
    results: Sequence[Classified | Detected | Mapped],
    paths: Sequence[Path],
    threshold: float,
) -> dict[str, Any]:
    images = []
    for number, (picture, result) in enumerate(zip(pictures, results, strict=True)):
        height, width = picture.pixels.shape[1:]
        row: dict[str, Any] = {"image": picture.name, "height": height, "width": width, **result.to_json(names)}
        if paths:
            row["picture"] = str(paths[number])
        images.append(row)
    return {"run": run, "threshold": threshold, "classes": list(names), "images": images}
