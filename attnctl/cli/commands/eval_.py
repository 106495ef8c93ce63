"""`attnctl eval`: trained networks on other images than those that their runs recorded."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl import models
from attnctl.cli import completion, context, errors, output
from attnctl.cli.drawing import trained_networks
from attnctl.cli.output_files import check_file
from attnctl.cli.reporting import seeds_on_images
from attnctl.cli.sweeping.run_names import short_names
from attnctl.cli.table_layout import Column
from attnctl.files import made_aside
from attnctl.metrics import BY_KEY, MEASURED
from attnctl.spec import NONE, RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join, did_you_mean, split_list
from attnctl.workspace import evaluations
from attnctl.workspace.evaluations import EvaluatedSplit, Evaluation
from attnctl.workspace.records import Device

if TYPE_CHECKING:
    from attnctl.jobs.inspect.evaluating import Results
    from attnctl.jobs.inspect.evaluating_objects import ObjectResults
    from attnctl.settings.config import Config

_BY_SIZE = ("_small", "_medium", "_large")
_MOST_CONFUSED = 10


def eval_(
    runs: trained_networks.Runs,
    *,
    dataset: trained_networks.EvaluatedData = None,
    split: trained_networks.SplitOption = "test",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Metrics to print, in this order (default: all but AP by size).",
            metavar="NAMES",
            autocompletion=completion.evaluated_metrics,
            show_default=False,
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="auto uses a GPU if there is one.")] = "auto",
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Also print the accuracy, AP or IoU of each class.")
    ] = False,
    confusion: Annotated[
        bool, typer.Option("--confusion", help="Also print the classes that are confused most.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep-predictions", help="Keep the predicted class of each image in the workspace.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write each prediction to a CSV file."),
    ] = None,
    class_file: Annotated[
        Path | None,
        typer.Option("--class-output", metavar="FILE", help="Write the results of each class to a CSV file."),
    ] = None,
    as_json: context.AsJson = False,
) -> int:
    """Evaluate trained networks on other images.

    The results are kept apart from the metrics of the run. Runs of a sweep that did not complete are left out and
    named. For classifiers, a folder holds class folders, or corrupted copies of a test set as in ImageNet-C:
    CORRUPTION/SEVERITY/CLASS/IMAGE; metrics are then the mean over all corruptions and severities. ece is the expected
    calibration error. On images without corruptions, several runs are compared image by image with the first one, by
    McNemar's exact test; rows of several seeds also together.

    For detectors, a folder is in COCO's or VOC's layout; classes are matched by their names, and the metric is that of
    the run. The AP of each class is kept too, and `attnctl show` prints it.

    Examples:
        attnctl eval ela-digits --dataset ./digits-c
        attnctl eval 3fa2 81bc --split train --confusion -o predictions.csv
        attnctl eval my-detector --by-class --class-output ap.csv
    """
    trained_networks.check_data(dataset)
    for path in filter(None, (file, class_file)):
        check_file(path, force=True)
    config = context.config()
    ids, left_out = trained_networks.completed(config.workspace, runs)
    specs = [config.workspace.run(run).read_spec() for run in ids]
    shown = _asked_columns(columns, specs) if columns is not None else None
    options = {"--confusion": confusion, "--keep-predictions": keep}
    _check_tasks(specs, [name for name, value in options.items() if value], writes=file is not None)
    with output.others_on_standard_error():
        found = _evaluated(config, ids, dataset, split, device)
    for run, evaluation in found.evaluations.items():
        kept = found.classified[run].predictions.encode() if keep else None
        evaluations.write(config.workspace.run(run), evaluation, kept)
    if file is not None:
        _write(file, found)
    if class_file is not None:
        _write_classes(class_file, found.evaluations)
    code = errors.OURS if left_out else errors.OK
    if as_json:
        documents = [_document(run, evaluation) for run, evaluation in found.evaluations.items()]
        rows = [row.to_json() for row in seeds_on_images.compare(found.classified, specs, short_names(specs))]
        output.document({"runs": documents, "pairs": _pairs(found.classified), "rows": rows, "left_out": left_out})
        return code
    _print(found.evaluations, shown, short_names(specs) if len(specs) > 1 else {})
    _print_pairs(found.classified)
    for row in seeds_on_images.compare(found.classified, specs, short_names(specs)):
        output.prose(row.words())
    if by_class:
        _print_classes(found.evaluations)
    if confusion:
        _print_confused(found.evaluations)
    for path in filter(None, (file, class_file)):
        output.note(f"written: {path}")
    for run, state in left_out.items():
        output.note(f"run {run} is left out: it is not completed, but {state}; name it to evaluate its last checkpoint")
    return code


@dataclass(frozen=True)
class _Found:
    """The evaluations by run, and what the networks predicted; nothing of segmentation networks."""

    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    classified: dict[str, Results] = field(default_factory=dict)
    detected: dict[str, ObjectResults] = field(default_factory=dict)


def _asked_columns(columns: str, specs: Sequence[RunSpec]) -> tuple[str, ...]:
    """The metrics of --columns; raises SpecError for one that none of these runs has."""
    known = dict.fromkeys(name for spec in specs for name in _evaluated_metrics(spec))
    asked = split_list(columns, "--columns")
    for name in asked:
        if name not in known:
            raise SpecError(f"--columns {name}{did_you_mean(name, list(known))}; these runs have {comma_join(known)}")
    return asked


def _evaluated_metrics(spec: RunSpec) -> list[str]:
    """The names of the metrics that an evaluation of a run can have."""
    task = models.task(spec.model)
    measured = [name for name in MEASURED[task] if not name.startswith("train_")]
    if task != "classify":
        return measured
    own = [] if spec.recipe.metrics == NONE else [name.rpartition(":")[2] for name in spec.recipe.metrics.split("+")]
    return [*measured, "ece", *own]


def _check_tasks(specs: Sequence[RunSpec], options: Sequence[str], *, writes: bool) -> None:
    """Raise SpecError for options that do not fit the runs. writes: the predictions to a file."""
    others = [spec for spec in specs if spec.model]
    if options and others:
        raise SpecError(f"{options[0]} is for classifiers; run {others[0].id} is {others[0].label()}")
    if not writes:
        return
    if segments := [spec for spec in others if models.task(spec.model) == "segment"]:
        raise SpecError(f"-o is for classifiers and detectors; run {segments[0].id} is {segments[0].label()}")
    if others and len(others) < len(specs):
        raise SpecError("-o writes the predictions of classifiers or of detectors; name runs of one kind")


def _evaluated(
    config: Config, ids: Sequence[str], dataset: str | None, split: EvaluatedSplit, device: Device
) -> _Found:
    """The results; each network is loaded when its turn comes. Raises SpecError, DataError."""
    from attnctl.cli.output_files import tracked
    from attnctl.jobs.inspect import evaluating, evaluating_objects

    dataset = trained_networks.data_name(dataset)
    found = _Found()
    for run in tracked(ids, "evaluating"):
        (network,) = trained_networks.networks(config, [run], device)
        name = evaluations.dataset_name(dataset or network.spec.dataset)
        if network.spec.model:
            scenes = evaluating_objects.open_images(network, dataset, split, config.data)
            objects = evaluating_objects.evaluate(network, scenes, dataset=name, split=split)
            found.detected[run], found.evaluations[run] = objects, objects.evaluation
        else:
            images = evaluating.open_images(network, dataset, split, config.data)
            results = evaluating.evaluate(network, images, dataset=name, split=split)
            found.classified[run], found.evaluations[run] = results, results.evaluation
    return found


def _document(run: str, found: Evaluation) -> dict[str, Any]:
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
        "classes": [{"class": name, **values} for name, values in _classes(found)],
        "confused": [
            {"class": found.classes[true], "predicted": found.classes[predicted], "images": images}
            for true, predicted, images in found.confused
        ],
    }


def _pairs(results: Mapping[str, Results]) -> list[dict[str, Any]]:
    """Each run compared with the first one on the same images; those of several corruptions are not independent."""
    from attnctl.jobs.metrics.classification import mcnemar

    if len(results) < 2:
        return []
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


def _print(found: Mapping[str, Evaluation], columns: Sequence[str] | None, labels: Mapping[str, str]) -> None:
    """A row for each run and corruption, the mean over its severities.

    columns: the metrics (default: most of all). labels: of the runs; empty if there is one run.
    """
    names = columns if columns is not None else _usual_columns(found.values())
    rows = [
        [
            run[:8],
            *([labels[run]] if labels else []),
            part,
            str(images),
            *(_number(metrics[name]) if name in metrics else "" for name in names),
        ]
        for run, evaluation in found.items()
        for part, images, metrics in _lines(evaluation)
    ]
    first = [Column("run"), *([Column("module")] if labels else []), Column("images of")]
    output.table([*first, *(Column(name) for name in ("number", *names))], rows)


def _usual_columns(found: Iterable[Evaluation]) -> list[str]:
    """The metrics of these evaluations in their usual order, without those of small, medium and large objects."""
    names = dict.fromkeys(name for evaluation in found for name in evaluation.metrics)
    order = list(BY_KEY)
    return sorted(
        (name for name in names if not name.endswith(_BY_SIZE)),
        key=lambda name: order.index(name) if name in order else len(order),
    )


def _print_pairs(results: Mapping[str, Results]) -> None:
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


def _classes(found: Evaluation) -> list[tuple[str, Mapping[str, float]]]:
    """The results of each class: right and all images of classifiers, AP or IoU of others."""
    counted = {
        name: {"right": right, "images": images}
        for name, (right, images) in zip(found.classes, found.by_class, strict=True)
    }
    return [*counted.items(), *found.class_metrics.items()]


def _print_classes(found: Mapping[str, Evaluation]) -> None:
    rows = [
        [run[:8], name, f"{right}/{images}", _number(100 * right / images) if images else ""]
        for run, evaluation in found.items()
        for name, (right, images) in zip(evaluation.classes, evaluation.by_class, strict=True)
    ]
    if rows:
        output.table([Column("run"), Column("class"), Column("right"), Column("accuracy")], rows)
    names = _class_columns(found)
    others = [
        [run[:8], name, *(_number(values[key]) if key in values else "" for key in names)]
        for run, evaluation in found.items()
        for name, values in evaluation.class_metrics.items()
    ]
    if others:
        output.table([Column("run"), Column("class"), *map(Column, names)], others)


def _class_columns(found: Mapping[str, Evaluation]) -> list[str]:
    """The names of the values that classes of objects have, in their usual order."""
    each = (values for evaluation in found.values() for values in evaluation.class_metrics.values())
    return list(dict.fromkeys(name for values in each for name in values))


def _write_classes(file: Path, found: Mapping[str, Evaluation]) -> None:
    """Write a line for each run and class."""
    each = [(run, name, values) for run, evaluation in found.items() for name, values in _classes(evaluation)]
    columns = list(dict.fromkeys(key for _, _, values in each for key in values))
    with made_aside(file) as aside, aside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("run", "class", *columns))
        writer.writerows((run, name, *(values.get(key, "") for key in columns)) for run, name, values in each)


def _print_confused(found: Mapping[str, Evaluation]) -> None:
    rows = [
        [run[:8], evaluation.classes[true], evaluation.classes[predicted], str(images)]
        for run, evaluation in found.items()
        for true, predicted, images in evaluation.confused[:_MOST_CONFUSED]
    ]
    output.table([Column("run"), Column("class"), Column("predicted as"), Column("images")], rows)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def _write(file: Path, found: _Found) -> None:
    """Write a line for each run and image, or of detectors for each run and object."""
    with made_aside(file) as aside, aside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_OBJECT_COLUMNS if found.detected else _IMAGE_COLUMNS)
        for run, objects in found.detected.items():
            writer.writerows((run, *row) for row in _object_rows(objects))
        for run, results in found.classified.items():
            writer.writerows((run, *row) for row in _image_rows(results))


_IMAGE_COLUMNS = ("run", "corruption", "severity", "image", "class", "predicted", "confidence", "right")
_OBJECT_COLUMNS = ("run", "image", "class", "score", "x1", "y1", "x2", "y2")


def _image_rows(result: Results) -> Iterator[tuple[object, ...]]:
    for corruption, severity, image, true, predicted, confidence in result.rows():
        yield corruption, severity or "", image, true, predicted, f"{confidence:.4f}", int(true == predicted)


def _object_rows(result: ObjectResults) -> Iterator[tuple[object, ...]]:
    for image, name, score, *box in result.rows():
        yield image, name, f"{score:.4f}", *(f"{value:.2f}" for value in box)
