"""`attnctl complexity`: what modules cost in a network, beside the plain one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from attnctl import attention, backbones, datasets
from attnctl.cli import completion, context, output
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import Backbone, Dataset, Model, Parameters, Placement
from attnctl.cli.sweeping.synthesis import synthesize
from attnctl.cli.table_layout import Column
from attnctl.components import AND, AT
from attnctl.networks.complexity import CONVENTIONS, Cell, Counts, Written, cell, counts
from attnctl.spec import NO_MODULE, RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError, format_value

_EXACT = (
    Column("module", settings=True),
    Column("backbone", once=True, drop=2),
    Column("placement", once=True, drop=1),
    *(Column(name) for name in ("parameters", "", "MACs", "", "activations", "")),
)
_AS_TOOLS = (
    Column("as papers count", settings=True),
    Column("backbone", once=True, drop=1),
    *(Column(name) for name in CONVENTIONS),
)


@dataclass(frozen=True)
class _Counted:
    """A network, the run that would train it, and what it costs beside the plain backbone."""

    spec: RunSpec
    size: int
    counts: Counts
    plain: Counts


def complexity(
    modules: Annotated[
        list[str],
        typer.Argument(metavar="MODULE", help="Modules, such as ela se.", autocompletion=completion.modules),
    ],
    *,
    model: Model = None,
    backbone: Backbone = None,
    dataset: Dataset = "imagenet",
    placement: Placement = "block",
    parameter: Parameters = None,
    as_json: context.AsJson = False,
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Count parameters and MACs of modules in a network.

    Shows the overhead over the plain backbone beside each count. Parameters are exact. MACs are those of convolutions
    and matrix products for one image. Activations are the bytes that the forward pass of one float32 image keeps for
    its backward pass.

    Counting tools such as thop miss operations that are written as functions, such as pooling; their counts here are
    for our code. The MACs of two-stage detectors depend on how many regions the weights propose.

    Examples:
        attnctl complexity ela se --backbone resnet50
        attnctl complexity ela -p ela.kernel=5,7 --json
    """
    axis_values = {
        "model": None if model is None else [model],
        "backbone": None if backbone is None else [backbone],
        "dataset": [dataset],
        "placement": [placement],
    }
    names = dynamic_options.listed_modules(",".join(modules))
    with output.others_on_standard_error():
        networks = list(_counted(names, axis_values, parameter or (), dynamic))
    if as_json:
        output.document({"networks": [_document(item) for item in networks]})
        return 0
    output.table(_EXACT, [_exact(item) for item in networks])
    output.line()
    output.table(_AS_TOOLS, [_as_tools(item) for item in networks])
    size, classes = networks[0].size, quantity(datasets.describe(dataset).classes, "class", "classes")
    output.prose(
        f"Networks for {dataset}: images of {size} x {size} pixels, {classes}; --dataset is for another data set, "
        "such as that of a sweep."
    )
    return 0


def command_for(arguments: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `arguments` begin with; raises SpecError."""
    modules = list(itertools.takewhile(lambda argument: not argument.startswith("-"), arguments))
    joined = [",".join(modules)] if modules else []
    return synthesize(complexity, [*joined, *arguments[len(modules) :]], completing)


def _counted(
    names: Sequence[str],
    axis_values: dict[str, list[str] | None],
    addressed: Sequence[str],
    dynamic: dynamic_options.Dynamic,
) -> Iterator[_Counted]:
    """The networks, with the plain one of each backbone first. Raises SpecError for an invalid combination."""
    from attnctl.cli.sweeping.axes import axes
    from attnctl.grid import expand

    names = names if NO_MODULE in names else (NO_MODULE, *names)
    request = axes(",".join(names), given=axis_values, addressed=addressed, recipe=None, dynamic=dynamic, defaults={})
    expansion = expand(request)
    if expansion.invalid:
        raise SpecError(f"{expansion.invalid[0].label}: {expansion.invalid[0].reason}")
    # in a spec, a user's own file has another name than on the command line
    modules = {
        attention.describe(part).name: part for name in names if name != NO_MODULE for part, _ in attention.split(name)
    }
    networks = {backbones.describe(name).name: name for name in request.backbones}
    for spec in sorted(expansion.specs, key=lambda spec: list(networks).index(spec.backbone) if networks else 0):
        network = _cell(_typed(spec, modules), networks.get(spec.backbone, spec.backbone), spec)
        yield _Counted(spec, network.size, counts(network), counts(network.plain))


def _typed(spec: RunSpec, modules: Mapping[str, str]) -> str:
    """The modules of a spec as the command line names them. modules: name in the spec -> as typed."""
    placed = "" if spec.placement else AT
    parts = [f"{modules[part.module]}{placed}{part.placement if placed else ''}" for part in spec.components]
    return AND.join(parts) or NO_MODULE


def _cell(module: str, backbone: str, spec: RunSpec) -> Cell:
    neutral = {} if module == NO_MODULE else attention.describe(module).neutral
    values = {**neutral, **dict(spec.hyperparameters)}
    return cell(module, values, backbone, spec.placement, spec.dataset, spec.recipe.input_size, spec.model)


def _label(spec: RunSpec) -> str:
    return " ".join([spec.module, *(f"{name}={format_value(value)}" for name, value in spec.hyperparameters)])


def _exact(item: _Counted) -> list[str]:
    ours, plain = item.counts, item.plain
    return [
        _label(item.spec),
        item.spec.network,
        item.spec.placement,
        f"{ours.parameters:,}",
        _overhead(ours.parameters, plain.parameters),
        f"{ours.macs:,}",
        _overhead(ours.macs, plain.macs),
        f"{(ours.activation_bytes or 0) / 2**20:.1f} MiB",
        _overhead(ours.activation_bytes or 0, plain.activation_bytes or 0),
    ]


def _overhead(ours: int, plain: int) -> str:
    """The overhead, such as +0.14%; empty for the plain network itself."""
    return f"{100 * (ours - plain) / plain:+.2f}%" if ours != plain else ""


def _as_tools(item: _Counted) -> list[str]:
    """Parameters and FLOPs by each convention."""
    cells = [_label(item.spec), item.spec.network]
    for name, convention in CONVENTIONS.items():
        parameters, operations = convention.count(item.counts, Written())
        size = f"{parameters / 2**18:.2f} MiB" if name == "torchsummary" else f"{parameters / 1e6:.3f}M"
        cells.append(f"{size} / {operations / 1e6:,.2f}M" if convention.prices else size)
    return cells


def _document(item: _Counted) -> dict[str, object]:
    ours, plain = item.counts, item.plain
    as_tools = {name: convention.count(ours, Written()) for name, convention in CONVENTIONS.items()}
    return {
        "module": item.spec.module,
        "hyperparameters": dict(item.spec.hyperparameters),
        "model": item.spec.model,
        "backbone": item.spec.backbone,
        "placement": item.spec.placement,
        "dataset": item.spec.dataset,
        "input_size": item.size,
        "parameters": ours.parameters,
        "macs": ours.macs,
        "activation_bytes": ours.activation_bytes,
        "overhead": {
            "parameters": ours.parameters - plain.parameters,
            "macs": ours.macs - plain.macs,
            "activation_bytes": (ours.activation_bytes or 0) - (plain.activation_bytes or 0),
        },
        "conventions": {
            name: {"parameters": parameters} | ({"flops": operations} if CONVENTIONS[name].prices else {})
            for name, (parameters, operations) in as_tools.items()
        },
    }
