"""Networks without the channels of their smallest scales: what they reach, and the figure of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from attnctl.cli.drawing import trained_networks
from attnctl.values import SpecError, comma_join

if TYPE_CHECKING:
    from attnctl.jobs.inspect.load import Trained
    from attnctl.jobs.inspect.pruning import LayerScales
    from attnctl.reports.display_names import DisplayNames
    from attnctl.reports.figures.data import Axis, Chart, Charts, Point
    from attnctl.settings.config import Config

Of = Literal["attention", "norms"]
"""As `attnctl.jobs.inspect.pruning.Of`, which imports torch."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One network. values: its metric without each fraction of the channels. layers: the scales they are chosen by."""

    run: str
    name: str
    metric: str
    fractions: Sequence[float]
    values: Sequence[float]
    layers: Sequence[LayerScales]


def measure(
    config: Config,
    networks: Sequence[Trained],
    fractions: Sequence[float],
    of: Of,
    display: DisplayNames | None = None,
) -> list[Curve]:
    """Evaluate each network without each fraction of its channels. Raises SpecError, DataError."""
    from attnctl.cli.output_files import tracked
    from attnctl.jobs.inspect import pruning

    trained_networks.one_dataset(networks)
    scales = {network.run: pruning.scales(network, of) for network in networks}
    found: dict[str, list[tuple[str, float]]] = {network.run: [] for network in networks}
    work = [(network, fraction) for network in networks for fraction in fractions]
    steps = tracked(work, "evaluating")
    for network in networks:
        with pruning.Evaluation(network, config.data) as evaluation:
            for _, fraction in (next(steps) for _ in fractions):
                found[network.run].append(evaluation.metric(pruning.pruned(scales[network.run], fraction)))
    metrics = {metric for values in found.values() for metric, _ in values}
    if len(metrics) > 1:
        raise SpecError(f"these runs have different metrics ({comma_join(sorted(metrics))}); name runs of one task")
    return [
        Curve(
            run=network.run,
            name=name,
            metric=found[network.run][0][0],
            fractions=fractions,
            values=[value for _, value in found[network.run]],
            layers=scales[network.run],
        )
        for network, name in zip(networks, trained_networks.names(networks, display), strict=True)
    ]


def charts(curves: Sequence[Curve], below: float, title: str) -> Charts:
    """Three charts: the metric over the pruned channels, and the size and sparsity of the scales over the layers."""
    from attnctl.reports.figures.data import Axis, Charts, Point
    from attnctl.reports.figures.points import metric_axis

    layers = Axis(name="layer", title="layer")
    return Charts(
        title=title,
        panels=(
            _chart(
                Axis(name="pruned", title="channels pruned (%)"),
                metric_axis(curves[0].metric),
                [
                    (
                        curve,
                        [
                            Point(x=100 * fraction, y=value, runs=(curve.run,))
                            for fraction, value in zip(curve.fractions, curve.values, strict=True)
                        ],
                    )
                    for curve in curves
                ],
            ),
            _chart(
                layers,
                Axis(name="scale", title="mean |scale|"),
                [
                    (curve, _by_layer(curve, [float(layer.values.abs().mean()) for layer in curve.layers]))
                    for curve in curves
                ],
            ),
            _chart(
                layers,
                Axis(name="sparsity", title=f"scales below {below:g} (%)"),
                [(curve, _by_layer(curve, [100 * layer.below(below) for layer in curve.layers])) for curve in curves],
            ),
        ),
    )


def values(curves: Iterable[Curve], below: float) -> dict[str, Any]:
    """What is drawn, with each layer's scales, as JSON values."""
    return {
        "below": below,
        "runs": [
            {
                "run": curve.run,
                "name": curve.name,
                "metric": curve.metric,
                "pruned": [
                    {"percent": 100 * fraction, "value": value}
                    for fraction, value in zip(curve.fractions, curve.values, strict=True)
                ],
                "layers": [
                    {"layer": layer.layer, "scales": layer.values.tolist(), "sparsity": layer.below(below)}
                    for layer in curve.layers
                ],
            }
            for curve in curves
        ],
    }


def _chart(x: Axis, y: Axis, series: Sequence[tuple[Curve, Sequence[Point]]]) -> Chart:
    from attnctl.reports.figures.data import Chart, Series

    return Chart(
        kind="curves",
        x=x,
        y=y,
        series=tuple(Series(name=curve.name, points=tuple(points)) for curve, points in series),
    )


def _by_layer(curve: Curve, numbers: Sequence[float]) -> list[Point]:
    from attnctl.reports.figures.data import Point

    return [Point(x=float(number), y=value, runs=(curve.run,)) for number, value in enumerate(numbers, 1)]
