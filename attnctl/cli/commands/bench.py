"""`attnctl bench`: inference speed, side by side with the plain backbone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnctl import models
from attnctl.cli import completion, context, output
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import Backbone, Parameters, Placement
from attnctl.cli.sweeping.synthesis import synthesize
from attnctl.cli.table_layout import Column
from attnctl.files import write_atomic
from attnctl.papers.speeds import published
from attnctl.spec import NO_MODULE, RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError, convert, format_value, split_list
from attnctl.workspace.records import Device, Speed

if TYPE_CHECKING:
    from attnctl.jobs.bench import Conditions

COLUMNS = (
    Column("module", settings=True),
    Column("network", once=True, drop=2),
    Column("placement", once=True, drop=3),
    Column("batch", once=True),
    Column("images/s"),
    Column("latency (ms)"),
    Column("of plain"),
    Column("of plain, published", drop=1, wrap=10),
)

Precision = Literal["fp32", "bf16", "fp16"]


def bench(
    modules: Annotated[
        str,
        typer.Argument(
            metavar="MODULE[,MODULE...]", help="Modules, such as ela,se.", autocompletion=completion.modules
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="Detectors or segmentation networks around the backbone (comma list).",
            metavar="NAMES",
            autocompletion=completion.models,
        ),
    ] = None,
    backbone: Backbone = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Data set whose classes and image size to use (default: imagenet, or the model's own).",
            metavar="NAME",
            autocompletion=completion.datasets,
            show_default=False,
        ),
    ] = None,
    placement: Placement = "block",
    parameter: Parameters = None,
    batch: Annotated[str, typer.Option(help="Images per forward (comma list).", metavar="N,N,...")] = "1,64",
    precision: Annotated[Precision, typer.Option(help="Numeric precision.")] = "fp32",
    device: Annotated[Device, typer.Option(help="auto uses a GPU if there is one.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    rounds: Annotated[int, typer.Option(min=3, max=1000, help="Number of rounds; the medians are reported.")] = 7,
    as_json: context.AsJson = False,
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Measure inference speed beside the plain backbone.

    The networks take turns in each round, so that other load on the machine slows all of them alike. On a GPU, forwards
    are replayed from a CUDA graph. Results are stored in the workspace and shown by `attnctl report`.

    With --model, detectors are timed from images to boxes, with 100 boxes per image whatever the weights.

    Examples:
        attnctl bench ela,se --backbone resnet50 --batch 1,64
        attnctl bench ca,ela --model yolox_nano --dataset voc07 --placement neck
    """
    from attnctl.cli.sweeping.axes import axes
    from attnctl.grid import expand

    config = context.config(new=True)
    batches = _batches(batch)
    names = NO_MODULE if modules == NO_MODULE else f"{NO_MODULE},{modules}"
    specs: list[RunSpec] = []
    for model_name in split_list(model, "--model") if model is not None else ("",):
        axis_values = {
            "model": [model_name],
            "backbone": [backbone] if backbone is not None else None,
            "dataset": [dataset if dataset is not None else _own_dataset(model_name)],
            "placement": [placement],
            "seed": ["0"],
        }
        if not model_name:
            del axis_values["model"]
        request = axes(names, given=axis_values, addressed=parameter or (), recipe=None, dynamic=dynamic, defaults={})
        expansion = expand(request)
        if expansion.invalid:
            raise SpecError(f"{expansion.invalid[0].label}: {expansion.invalid[0].reason}")
        specs += expansion.specs
    speeds: list[Speed] = []
    for name in dict.fromkeys((spec.model, spec.backbone) for spec in specs):
        same_network = [spec for spec in specs if (spec.model, spec.backbone) == name]
        for size in batches:
            speeds += _measured(same_network, size, precision, device, compiled=compiled, rounds=rounds)
    for speed in speeds:
        write_atomic(config.workspace.speed(speed), speed.encode())
    if as_json:
        output.document({"speeds": [{**vars(speed), "images_per_s": speed.batch / speed.seconds} for speed in speeds]})
    else:
        output.table(COLUMNS, [_cells(speed) for speed in speeds])
        output.prose(
            f"{speeds[0].device}, {precision}{', compiled' if compiled else ''}; medians of {quantity(rounds, 'round')}"
        )
    return 0


def command_for(arguments: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `words` (what follows `bench`) name; raises SpecError."""
    return synthesize(bench, arguments, completing)


def _own_dataset(model: str) -> str:
    """The data set that a model's papers used first; raises SpecError for a model that there is not."""
    return next(iter(models.describe(model).recipes)) if model else "imagenet"


def _batches(text: str) -> list[int]:
    batches = [convert(part, int, "batch") for part in split_list(text, "--batch")]
    if any(not isinstance(item, int) or not 1 <= item <= 65536 for item in batches):
        raise SpecError(f"batch is {text}; each must be a whole number from 1 to 65536")
    if len(set(batches)) != len(batches):
        raise SpecError(f"batch has a value twice: {text}")
    return [item for item in batches if isinstance(item, int)]


def _measured(
    specs: Sequence[RunSpec], batch: int, precision: Precision, device: Device, *, compiled: bool, rounds: int
) -> list[Speed]:
    """One backbone's networks at one batch size, the plain one first."""
    from rich.console import Console
    from rich.progress import track

    from attnctl.jobs import bench as measurement
    from attnctl.networks import surgery

    conditions = _conditions(specs[0], batch, precision, device, compiled=compiled, rounds=rounds)
    networks = [surgery.build(spec) for spec in specs]
    *_, timings = track(
        measurement.measure(networks, conditions),
        f"{_network(specs[0])}, batch {batch}",
        total=rounds,
        transient=True,
        console=Console(stderr=True),
        disable=not output.is_terminal(sys.stderr),
    )
    return [
        Speed(
            at=time.time(),
            device=measurement.device_name(conditions.device),
            module=spec.module,
            hyperparameters=dict(spec.hyperparameters),
            backbone=spec.backbone,
            placement=spec.placement,
            dataset=spec.dataset,
            input_size=conditions.shape[1],
            batch=batch,
            precision=precision,
            compiled=compiled,
            seconds=timing.seconds,
            spread=timing.spread,
            plain_seconds=timings[0].seconds,
            model=spec.model,
        )
        for spec, timing in zip(specs, timings, strict=True)
    ]


def _conditions(
    spec: RunSpec, batch: int, precision: Precision, device: Device, *, compiled: bool, rounds: int
) -> Conditions:
    import torch

    from attnctl.jobs.bench import Conditions
    from attnctl.networks import surgery

    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise SpecError(f"torch {torch.__version__} sees no GPU here; --device cpu measures the CPU")
    return Conditions(
        shape=surgery.input_shape(spec),
        batch=batch,
        device=torch.device("cuda" if cuda and device != "cpu" else "cpu"),
        precision={"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision],
        compile=compiled,
        rounds=rounds,
        detects=models.task(spec.model) in ("detect", "instance"),
    )


def _network(spec: RunSpec | Speed) -> str:
    return f"{spec.model} on {spec.backbone}" if spec.model else spec.backbone


def _cells(speed: Speed) -> list[str]:
    printed = published(speed.module, speed.backbone, speed.dataset, speed.model)
    label = " ".join(
        [speed.module, *(f"{name}={format_value(value)}" for name, value in sorted(speed.hyperparameters.items()))]
    )
    return [
        label,
        _network(speed),
        speed.placement,
        str(speed.batch),
        f"{speed.batch / speed.seconds:.1f}",
        f"{speed.seconds * 1e3:.2f} +- {speed.spread * 1e3:.2f}",
        f"{speed.plain_seconds / speed.seconds:.2f}",
        printed.relative if printed else "",
    ]
