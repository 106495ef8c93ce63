"""`attnctl bench`: inference speed, side by side with the plain backbone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnctl import datasets, models
from attnctl.cli import completion, context, output
from attnctl.cli.option_groups import Shown
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import Backbone, Parameters
from attnctl.cli.sweeping.paper_options import PaperOptions
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
    from attnctl.settings.config import Config

COLUMNS = (
    Column("row", wrap=16, drop=4, optional=True),
    Column("module", settings=True),
    Column("network", once=True, drop=2),
    Column("placement", once=True, drop=3),
    Column("batch", once=True),
    Column("launch", once=True, optional=True),
    Column("images/s"),
    Column("latency (ms)"),
    Column("of plain"),
    Column("of plain, published", drop=1, wrap=10),
)

Precision = Literal["fp32", "bf16", "fp16"]
Launch = Literal["graph", "eager", "both"]

_NAMES = {"graph": "CUDA graph", "eager": "eager"}
_QUICK_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class _How:
    """How networks are measured, as typed."""

    batches: Sequence[int]
    precision: Precision
    device: Device
    compiled: bool
    rounds: int
    launches: Sequence[str]


def bench(
    modules: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE[,MODULE...]",
            help="Modules, such as ela,se.",
            autocompletion=completion.modules,
            show_default=False,
        ),
    ] = None,
    *,
    of_paper: Annotated[PaperOptions, Shown(only=("paper", "table", "rows"))],
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
            help="Data set whose classes and image size to use (default: imagenet, or the model's or table's own).",
            metavar="NAME",
            autocompletion=completion.datasets,
            show_default=False,
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            help="Where to insert the module (default: block).",
            metavar="NAME",
            autocompletion=completion.placements,
            show_default=False,
        ),
    ] = None,
    parameter: Parameters = None,
    input_size: Annotated[
        int | None, typer.Option(help="Side of the input in pixels (default: the data set's).", min=1, max=65536)
    ] = None,
    batch: Annotated[str, typer.Option(help="Images per forward (comma list).", metavar="N,N,...")] = "1,64",
    precision: Annotated[Precision, typer.Option(help="Numeric precision.")] = "fp32",
    device: Annotated[Device, typer.Option(help="auto uses a GPU if there is one.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    launch: Annotated[
        Launch | None,
        typer.Option(
            help="On a GPU: replay a CUDA graph, or launch kernels one by one (default: graph; of a table: both).",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=3, max=1000, help="Number of rounds; the medians are reported.")] = 7,
    quick: Annotated[bool, typer.Option("--quick", help="Batch 1 and 3 rounds.")] = False,
    as_json: context.AsJson = False,
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Measure inference speed beside the plain backbone.

    The networks take turns in each round, so that other load on the machine slows all of them alike. On a GPU, forwards
    are replayed from a CUDA graph. Results are stored in the workspace and shown by `attnctl report`.

    --table measures the rows of a paper's table beside the plain network of each, and fills its FPS column. --rows
    limits it. On a GPU each row is measured both with and without a CUDA graph.

    With --model, detectors are timed from images to boxes, with 100 boxes per image whatever the weights.

    Examples:
        attnctl bench ela,se --backbone resnet50 --batch 1,64
        attnctl bench ca,ela --model yolox_nano --dataset voc07 --placement neck
        attnctl bench --table ean:3 --rows '*R50*' --quick
    """
    of_paper.check(modules, parameter)
    config = context.config(new=True)
    dataset = datasets.canonical(dataset) if dataset is not None else None
    given = _Given(model=model, backbone=backbone, dataset=dataset, placement=placement, input_size=input_size)
    names: Mapping[tuple[object, ...], str] = {}
    if modules is None:
        specs, names = _of_table(config, of_paper, given)
    else:
        specs = _of_modules(modules, given, parameter or (), dynamic)
    how = _How(
        batches=[1] if quick else _batches(batch),
        precision=precision,
        device=device,
        compiled=compiled,
        rounds=_QUICK_ROUNDS if quick else rounds,
        launches=_launches(launch or ("graph" if modules is not None else "both")),
    )
    speeds: list[Speed] = []
    for group in _groups(specs):
        for size in how.batches:
            for name in _possible(how, group[0]):
                with output.others_on_standard_error():
                    measured = _measured(group, size, name, how)
                speeds += measured
                for speed in measured:
                    write_atomic(config.workspace.speed(speed), speed.encode())
    if as_json:
        output.document({"speeds": [{**vars(speed), "images_per_s": speed.batch / speed.seconds} for speed in speeds]})
        return 0
    output.table(COLUMNS, [_cells(speed, names) for speed in speeds])
    output.prose(
        f"{speeds[0].device}, {precision}{', compiled' if compiled else ''}; medians of {quantity(how.rounds, 'round')}"
    )
    if modules is None:
        output.line(f"next: attnctl report --table {of_paper.table}")
        if input_size is not None:
            output.prose(f"it shows these speeds in rows that were swept with --input-size {input_size} too")
    return 0


@dataclass(frozen=True, kw_only=True)
class _Given:
    """The axes as typed; None if not given."""

    model: str | None
    backbone: str | None
    dataset: str | None
    placement: str | None
    input_size: int | None


def _of_modules(
    modules: str, given: _Given, parameters: Sequence[str], dynamic: dynamic_options.Dynamic
) -> list[RunSpec]:
    """The networks of modules, and the plain ones. Raises SpecError for an invalid combination."""
    from attnctl.cli.sweeping.axes import axes
    from attnctl.grid import expand

    names = NO_MODULE if modules == NO_MODULE else f"{NO_MODULE},{modules}"
    specs: list[RunSpec] = []
    for model_name in split_list(given.model, "--model") if given.model is not None else ("",):
        axis_values = {
            "model": [model_name],
            "backbone": [given.backbone] if given.backbone is not None else None,
            "dataset": [given.dataset if given.dataset is not None else _own_dataset(model_name)],
            "placement": [given.placement if given.placement is not None else "block"],
            "seed": ["0"],
        }
        if not model_name:
            del axis_values["model"]
        request = axes(names, given=axis_values, addressed=parameters, recipe=None, dynamic=dynamic, defaults={})
        if given.input_size is not None:
            request = replace(request, overrides={**request.overrides, "input_size": (str(given.input_size),)})
        expansion = expand(request)
        if expansion.invalid:
            raise SpecError(f"{expansion.invalid[0].label}: {expansion.invalid[0].reason}")
        specs += expansion.specs
    return specs


def _of_table(
    config: Config, of_paper: PaperOptions, given: _Given
) -> tuple[list[RunSpec], Mapping[tuple[object, ...], str]]:
    """The networks of a table's rows, and the rows by `_key`. Raises SpecError."""
    from attnctl.cli.reporting import paper_tables
    from attnctl.papers.runs import Overrides, cells_of

    paper, table = paper_tables.find_table(of_paper.paper, of_paper.table or "", config.workspace)
    if not any(column.kind == "fps" for column in table.columns):
        raise SpecError(f"{paper.name} table {table.number} has no FPS column")
    for name in ("model", "backbone", "placement", "dataset"):
        if getattr(given, name) == "":
            raise SpecError(f"--{name} is empty; leave it out for the values of the table")
    overrides = Overrides(
        model=given.model or "",
        backbone=given.backbone or "",
        placement=given.placement or "",
        dataset=given.dataset or "",
        fields={"input_size": str(given.input_size)} if given.input_size is not None else {},
    )
    globs = split_list(of_paper.rows, "--rows") if of_paper.rows is not None else ()
    chosen: dict[tuple[object, ...], RunSpec] = {}
    names: dict[tuple[object, ...], str] = {}
    for item in cells_of(table, overrides, globs):
        for spec in item.specs[:1]:
            chosen.setdefault(_key(spec), spec)
            names.setdefault(_key(spec), item.row.name)
    if not chosen:
        raise SpecError(f"{paper.name} table {table.number} has no rows that can be measured")
    return list(chosen.values()), names


def _key(network: RunSpec | Speed) -> tuple[object, ...]:
    """Equal for a run and the speed of its network on its data set."""
    settings = tuple(sorted(dict(network.hyperparameters).items()))
    placement = network.placement if network.module != NO_MODULE else ""
    return network.model, network.backbone, network.module, settings, placement, network.dataset


def _groups(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """The networks that are measured in turn: those around the same backbone on the same input, the plain one first."""
    groups: dict[tuple[object, ...], dict[object, RunSpec]] = {}
    for spec in specs:
        key = spec.model, spec.backbone, spec.dataset, spec.recipe.input_size
        versions = replace(spec.versions, module="")
        plain = replace(spec, module=NO_MODULE, hyperparameters=(), placement="", versions=versions)
        group = groups.setdefault(key, {NO_MODULE: plain})
        if spec.module != NO_MODULE:
            group.setdefault((spec.module, spec.hyperparameters, spec.placement), spec)
        else:
            group[NO_MODULE] = spec
    return [list(group.values()) for group in groups.values()]


def _launches(launch: Launch) -> Sequence[str]:
    return ("graph", "eager") if launch == "both" else (launch,)


def _possible(how: _How, spec: RunSpec) -> Sequence[str]:
    """How forwards are launched: on a CPU in one way; a detector's forward cannot be captured in a graph."""
    import torch

    if how.device == "cpu" or not torch.cuda.is_available():
        return ("",)
    return ("eager",) if _detects(spec) else how.launches


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


def _measured(specs: Sequence[RunSpec], batch: int, launch: str, how: _How) -> list[Speed]:
    """One backbone's networks at one batch size, the plain one first. launch: graph or eager; empty on a CPU."""
    from rich.console import Console
    from rich.progress import track

    from attnctl.jobs import bench as measurement
    from attnctl.networks import surgery

    conditions = _conditions(specs[0], batch, launch, how)
    networks = [surgery.build(spec) for spec in specs]
    *_, timings = track(
        measurement.measure(networks, conditions),
        f"{_network(specs[0])}, batch {batch}",
        total=how.rounds,
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
            precision=how.precision,
            compiled=how.compiled,
            seconds=timing.seconds,
            spread=timing.spread,
            plain_seconds=timings[0].seconds,
            model=spec.model,
            launch=_NAMES.get(launch, ""),
        )
        for spec, timing in zip(specs, timings, strict=True)
    ]


def _conditions(spec: RunSpec, batch: int, launch: str, how: _How) -> Conditions:
    import torch

    from attnctl.jobs.bench import Conditions
    from attnctl.networks import surgery

    cuda = torch.cuda.is_available()
    if how.device == "cuda" and not cuda:
        raise SpecError(f"torch {torch.__version__} sees no GPU here; --device cpu measures the CPU")
    return Conditions(
        shape=surgery.input_shape(spec),
        batch=batch,
        device=torch.device("cuda" if cuda and how.device != "cpu" else "cpu"),
        precision={"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[how.precision],
        compile=how.compiled,
        rounds=how.rounds,
        detects=_detects(spec),
        graph=launch == "graph",
    )


def _detects(spec: RunSpec) -> bool:
    return models.task(spec.model) in ("detect", "instance")


def _network(spec: RunSpec | Speed) -> str:
    return f"{spec.model} on {spec.backbone}" if spec.model else spec.backbone


def _cells(speed: Speed, names: Mapping[tuple[object, ...], str]) -> list[str]:
    printed = published(speed.module, speed.backbone, speed.dataset, speed.model)
    label = " ".join(
        [speed.module, *(f"{name}={format_value(value)}" for name, value in sorted(speed.hyperparameters.items()))]
    )
    return [
        names.get(_key(speed), ""),
        label,
        _network(speed),
        speed.placement,
        str(speed.batch),
        speed.launch,
        f"{speed.batch / speed.seconds:.1f}",
        f"{speed.seconds * 1e3:.2f} +- {speed.spread * 1e3:.2f}",
        f"{speed.plain_seconds / speed.seconds:.2f}",
        printed.relative if printed else "",
    ]
