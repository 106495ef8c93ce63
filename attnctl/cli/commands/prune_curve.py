"""`attnctl prune-curve`: the scales of a network's channels, and its accuracy without the channels of the smallest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from attnctl.cli import context, output
from attnctl.cli.drawing import pruned_networks, trained_networks
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.cli.table_layout import Column
from attnctl.values import SpecError, convert, split_list

_MOST_RUNS = 6


def prune_curve(
    runs: trained_networks.Runs,
    *,
    percent: Annotated[
        str, typer.Option(help="Channels to prune, in percent of all (comma list).", metavar="N,N,...")
    ] = "0,10,20,30,40,50,60,70,80,90",
    of: Annotated[
        pruned_networks.Of,
        typer.Option(help="Scales of the attention modules, such as NAM's gates, or of the network's other norms."),
    ] = "attention",
    below: Annotated[
        float, typer.Option(min=0, help="A scale smaller than this counts as zero in the sparsity.", metavar="SIZE")
    ] = 0.01,
    inspected: Annotated[trained_networks.InspectOptions, Shown(only=("device",))],
    drawn: Annotated[FigureOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Plot accuracy as channels are pruned by their scales.

    The channels with the smallest scales (gamma) of all layers are set to zero, without training again. The network
    is evaluated as in its run. The figure shows the accuracy, and by layer the mean size and sparsity of the scales.

    Examples:
        attnctl prune-curve 3fa2 81bc -o nam.pdf
        attnctl prune-curve my-sweep --of norms --percent 0,25,50,75
    """
    drawn.check()
    fractions = _fractions(percent)
    config = context.config()
    with output.others_on_standard_error():
        networks = trained_networks.trained(config, runs, inspected.device, _MOST_RUNS)
        curves = pruned_networks.measure(config, networks, fractions, of, drawn.names())
    charts = pruned_networks.charts(curves, below, drawn.title)
    name = f"prune-curve-{networks[0].run[:8]}-{of}"
    drawn.deliver(charts, name, as_json=as_json, values=pruned_networks.values(curves, below))
    if not as_json:
        _print(curves, below)


def _fractions(text: str) -> list[float]:
    values = [convert(item, float, "--percent") for item in split_list(text, "--percent")]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if any(not 0 <= number <= 100 for number in numbers) or numbers != sorted(set(numbers)):
        raise SpecError(f"--percent is {text}; it must be ascending numbers from 0 to 100, such as 0,25,50")
    return [number / 100 for number in numbers]


def _print(curves: Sequence[pruned_networks.Curve], below: float) -> None:
    """Print the accuracy at each percentage, then the scales of each layer."""
    metric = curves[0].metric
    output.table(
        [Column("pruned"), *(Column(f"{curve.name} ({metric})") for curve in curves)],
        [
            [f"{100 * fraction:g} %", *(f"{curve.values[number]:.2f}" for curve in curves)]
            for number, fraction in enumerate(curves[0].fractions)
        ],
    )
    output.table(
        [Column(name) for name in ("run", "layer", "channels", "mean size", "smallest", f"below {below:g}")],
        [
            [
                curve.name,
                layer.layer,
                str(len(layer.values)),
                f"{float(layer.values.abs().mean()):.4f}",
                f"{float(layer.values.abs().min()):.4f}",
                f"{100 * layer.below(below):.0f} %",
            ]
            for curve in curves
            for layer in curve.layers
        ],
    )
