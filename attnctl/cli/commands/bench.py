"""`attnctl bench`: inference speed, side by side with the plain backbone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import typer

from attnctl import datasets
from attnctl.cli import completion, context, output
from attnctl.cli.benching import measuring
from attnctl.cli.benching.measuring import How, Precision
from attnctl.cli.benching.networks import Given, groups_of, network_key, of_modules, of_table
from attnctl.cli.option_groups import Shown
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import Backbone, Parameters
from attnctl.cli.sweeping.paper_options import PaperOptions
from attnctl.cli.sweeping.synthesis import synthesize
from attnctl.cli.table_layout import Column
from attnctl.papers.speeds import published
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join, convert, format_value, split_list
from attnctl.workspace.records import Device, Speed

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

Launch = Literal["graph", "eager", "both"]

_QUICK_ROUNDS = 3


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
    are replayed from a CUDA graph. Results are stored in the workspace and shown by `attnctl report`. After Ctrl-C, the
    same command measures the rest.

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
    given = Given(model=model, backbone=backbone, dataset=dataset, placement=placement, input_size=input_size)
    if modules is None:
        specs, names = of_table(config, of_paper, given)
    else:
        specs, names = of_modules(modules, given, parameter or (), dynamic), {}
    launch = launch or ("graph" if modules is not None else "both")
    how = How(
        batches=[1] if quick else _batches(batch),
        precision=precision,
        device=device,
        compiled=compiled,
        rounds=_QUICK_ROUNDS if quick else rounds,
        launches=("graph", "eager") if launch == "both" else (launch,),
    )
    speeds = measuring.measure(config.workspace, groups_of(specs), how)
    if as_json:
        output.document({"speeds": [{**vars(speed), "images_per_s": speed.batch / speed.seconds} for speed in speeds]})
    else:
        _print(speeds, names, how)
        if of_paper.table is not None:
            _print_next(of_paper.table, input_size)
    return 0


def _print(speeds: Sequence[Speed], names: Mapping[tuple[object, ...], str], how: How) -> None:
    """The speeds as a table. names: of a table's rows, by their networks."""
    output.table(COLUMNS, [_cells(speed, names) for speed in speeds])
    compiled = ", compiled" if how.compiled else ""
    images = comma_join(dict.fromkeys(f"{speed.dataset} at {speed.input_size} pixels" for speed in speeds))
    output.prose(f"{speeds[0].device}, {how.precision}{compiled}; {images}; medians of {quantity(how.rounds, 'round')}")


def _print_next(table: str, input_size: int | None) -> None:
    output.line(f"next: attnctl report --table {table}")
    if input_size is not None:
        output.prose(f"it shows these speeds in rows that were swept with --input-size {input_size} too")


def command_for(arguments: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `words` (what follows `bench`) name; raises SpecError."""
    return synthesize(bench, arguments, completing)


def _batches(text: str) -> list[int]:
    batches = [convert(part, int, "batch") for part in split_list(text, "--batch")]
    if any(not isinstance(item, int) or not 1 <= item <= 65536 for item in batches):
        raise SpecError(f"batch is {text}; each must be a whole number from 1 to 65536")
    if len(set(batches)) != len(batches):
        raise SpecError(f"batch has a value twice: {text}")
    return [item for item in batches if isinstance(item, int)]


def _cells(speed: Speed, names: Mapping[tuple[object, ...], str]) -> list[str]:
    printed = published(speed.module, speed.backbone, speed.dataset, speed.model)
    label = " ".join(
        [speed.module, *(f"{name}={format_value(value)}" for name, value in sorted(speed.hyperparameters.items()))]
    )
    return [
        names.get(network_key(speed), ""),
        label,
        f"{speed.model} on {speed.backbone}" if speed.model else speed.backbone,
        speed.placement,
        str(speed.batch),
        speed.launch,
        f"{speed.batch / speed.seconds:.1f}",
        f"{speed.seconds * 1e3:.2f} +- {speed.spread * 1e3:.2f}",
        f"{speed.plain_seconds / speed.seconds:.2f}",
        printed.relative if printed else "",
    ]
