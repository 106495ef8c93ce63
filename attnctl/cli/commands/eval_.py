"""`attnctl eval`: trained classifiers on other images than those that their runs recorded."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.drawing import trained_networks
from attnctl.cli.output_files import check_file
from attnctl.cli.run_selection import chosen
from attnctl.cli.table_layout import Column
from attnctl.files import made_aside
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace import evaluations
from attnctl.workspace.evaluations import EvaluatedSplit, Evaluation
from attnctl.workspace.records import Device

if TYPE_CHECKING:
    from attnctl.jobs.inspect.evaluating import Results
    from attnctl.settings.config import Config

_METRICS = ("top1", "top5", "loss", "ece")
_MOST_CONFUSED = 10


def eval_(
    runs: trained_networks.Runs,
    *,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="A data set, or a folder such as ./photos of class folders (default: that of the run).",
            metavar="NAME|DIR",
            autocompletion=completion.datasets,
        ),
    ] = None,
    split: Annotated[
        EvaluatedSplit, typer.Option(help="Test images, those held out by val_split, or training images.")
    ] = "test",
    device: Annotated[Device, typer.Option(help="auto uses a GPU if there is one.")] = "auto",
    by_class: Annotated[bool, typer.Option("--by-class", help="Also print the accuracy of each class.")] = False,
    confusion: Annotated[
        bool, typer.Option("--confusion", help="Also print the classes that are confused most.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep-predictions", help="Keep the predicted class of each image in the workspace.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write each image's prediction to a CSV file."),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """Evaluate trained classifiers on other images.

    The results are kept apart from the metrics of the run. A folder holds class folders, or corrupted copies of a test
    set as in ImageNet-C: CORRUPTION/SEVERITY/CLASS/IMAGE; metrics are then the mean over all corruptions and
    severities. ece is the expected calibration error. On images without corruptions, several runs are compared image
    by image with the first one, by McNemar's exact test.

    Examples:
        attnctl eval ela-digits --dataset ./digits-c
        attnctl eval 3fa2 --split train --by-class
        attnctl eval 3fa2 81bc --confusion -o predictions.csv
    """
    if dataset == "":
        raise SpecError("--dataset is empty; leave it out, or name a data set or a folder")
    if file is not None:
        check_file(file, force=True)
    config = context.config()
    ids = chosen(config.workspace, runs)
    results = _evaluated(config, ids, dataset, split, device)
    for run, result in results.items():
        evaluations.write(config.workspace.run(run), result.evaluation, result.predictions.encode() if keep else None)
    if file is not None:
        _write(file, results)
    if as_json:
        output.document({"runs": [_document(run, result) for run, result in results.items()], "pairs": _pairs(results)})
        return
    _print(results)
    if by_class:
        _print_classes(results)
    if confusion:
        _print_confused(results)
    if file is not None:
        output.note(f"written: {file}")


def _evaluated(
    config: Config, ids: Sequence[str], dataset: str | None, split: EvaluatedSplit, device: Device
) -> dict[str, Results]:
    """The results by run; each network is loaded when its turn comes. Raises SpecError, DataError."""
    from attnctl.cli.output_files import tracked
    from attnctl.jobs.inspect import evaluating

    found: dict[str, Results] = {}
    for run in tracked(ids, "evaluating"):
        (network,) = trained_networks.networks(config, [run], device)
        images = evaluating.open_images(network, dataset, split, config.data)
        name = evaluations.dataset_name(dataset or network.spec.dataset)
        found[run] = evaluating.evaluate(network, images, dataset=name, split=split)
    return found


def _document(run: str, result: Results) -> dict[str, Any]:
    found = result.evaluation
    return {
        "run": run,
        "dataset": found.dataset,
        "split": found.split,
        "step": found.step,
        "images": found.images,
        "metrics": dict(found.metrics),
        "parts": [
            {
                "corruption": part.corruption,
                "severity": part.severity,
                "images": part.images,
                "metrics": dict(part.metrics),
            }
            for part in found.parts
        ],
        "classes": [
            {"class": name, "right": right, "images": images}
            for name, (right, images) in zip(found.classes, found.by_class, strict=True)
        ],
        "confused": [
            {"class": found.classes[true], "predicted": found.classes[predicted], "images": images}
            for true, predicted, images in found.confused
        ],
    }


def _pairs(results: Mapping[str, Results]) -> list[dict[str, Any]]:
    """Each run compared with the first one on the same images; those of several corruptions are not independent."""
    from attnctl.jobs.metrics.classification import mcnemar

    first, *others = results
    pairs = []
    for run in others:
        ours, theirs = results[run].evaluation, results[first].evaluation
        if ours.content != theirs.content or len(ours.parts) > 1:
            continue
        pair = mcnemar(results[run].predictions.right, results[first].predictions.right)
        pairs.append(
            {"run": run, "with": first, "only_run": pair.only_first, "only_with": pair.only_second, "p": pair.p}
        )
    return pairs


def _print(results: Mapping[str, Results]) -> None:
    """A row for each run and corruption, the mean over its severities; then the pairs."""
    rows = [
        [run[:8], part, str(images), *(_number(metrics[name]) for name in _METRICS)]
        for run, result in results.items()
        for part, images, metrics in _lines(result.evaluation)
    ]
    columns = [Column("run"), Column("images of"), *(Column(name) for name in ("number", *_METRICS))]
    output.table(columns, rows)
    for pair in _pairs(results):
        output.line(
            f"{pair['run'][:8]} and {pair['with'][:8]}: {quantity(pair['only_run'], 'image')} right only in the first, "
            f"{pair['only_with']} only in the second; McNemar's test p = {pair['p']:.3g}"
        )


def _lines(found: Evaluation) -> Iterator[tuple[str, int, Mapping[str, float]]]:
    """(what, images, metrics) of each corruption, the mean over its severities, and of all."""
    corruptions = list(dict.fromkeys(part.corruption for part in found.parts))
    for corruption in corruptions if len(found.parts) > 1 else ():
        parts = [part for part in found.parts if part.corruption == corruption]
        yield corruption, sum(part.images for part in parts), evaluations.mean_metrics(parts)
    yield f"{found.dataset} ({found.split})", found.images, found.metrics


def _print_classes(results: Mapping[str, Results]) -> None:
    rows = [
        [run[:8], name, f"{right}/{images}", _number(100 * right / images) if images else ""]
        for run, result in results.items()
        for name, (right, images) in zip(result.evaluation.classes, result.evaluation.by_class, strict=True)
    ]
    output.table([Column("run"), Column("class"), Column("right"), Column("accuracy")], rows)


def _print_confused(results: Mapping[str, Results]) -> None:
    rows = [
        [run[:8], found.classes[true], found.classes[predicted], str(images)]
        for run, found in ((run, result.evaluation) for run, result in results.items())
        for true, predicted, images in found.confused[:_MOST_CONFUSED]
    ]
    output.table([Column("run"), Column("class"), Column("predicted as"), Column("images")], rows)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def _write(file: Path, results: Mapping[str, Results]) -> None:
    """Write a line for each run and image."""
    with made_aside(file) as aside, aside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("run", "corruption", "severity", "image", "class", "predicted", "confidence", "right"))
        for run, result in results.items():
            for corruption, severity, image, true, predicted, confidence in result.rows():
                writer.writerow(
                    (
                        run,
                        corruption,
                        severity or "",
                        image,
                        true,
                        predicted,
                        f"{confidence:.4f}",
                        int(true == predicted),
                    )
                )
