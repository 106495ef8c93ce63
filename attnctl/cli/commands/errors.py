"""`attnctl errors`: what trained classifiers get wrong, as a figure."""

from __future__ import annotations

from typing import Annotated

import typer

from attnctl.cli import context, output
from attnctl.cli.drawing import error_charts, trained_networks
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.values import SpecError
from attnctl.workspace.evaluations import dataset_name

_MOST_RUNS = 6


def errors(
    runs: trained_networks.Runs,
    *,
    of: Annotated[
        error_charts.Of,
        typer.Option(help="reliability: accuracy by confidence; confusion: true and predicted classes; classes: bars."),
    ] = "reliability",
    dataset: trained_networks.EvaluatedData = None,
    split: trained_networks.SplitOption = "test",
    inspected: Annotated[trained_networks.InspectOptions, Shown(only=("device",))],
    drawn: Annotated[FigureOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Draw calibration, confusions or accuracy by class.

    reliability: the accuracy of the images in each of 15 intervals of confidence, beside the diagonal of a calibrated
    network, with the expected calibration error (ECE). confusion: a matrix for each run, in percent of the true class.
    classes: the accuracy of each class, the runs side by side.

    Examples:
        attnctl errors 3fa2 81bc -o reliability.pdf
        attnctl errors 3fa2 --of confusion --dataset ./photos
    """
    drawn.check()
    trained_networks.check_data(dataset)
    config = context.config()
    with output.others_on_standard_error():
        networks = trained_networks.trained(config, runs, inspected.device, _MOST_RUNS)
        trained_networks.one_dataset(networks)
        if detectors := [network for network in networks if network.spec.model]:
            raise SpecError(f"errors is for classifiers; run {detectors[0].run} is {detectors[0].spec.label()}")
        from attnctl.cli.output_files import tracked
        from attnctl.jobs.inspect import evaluating

        dataset = trained_networks.data_name(dataset)
        results = []
        for network in tracked(networks, "evaluating"):
            images = evaluating.open_images(network, dataset, split, config.data)
            name = dataset_name(dataset or network.spec.dataset)
            results.append(evaluating.evaluate(network, images, dataset=name, split=split))
    names = trained_networks.names(networks, drawn.names())
    figure = error_charts.drawing(results, names, of, drawn.title)
    drawn.deliver(figure, f"errors-{networks[0].run[:8]}-{of}", as_json=as_json)
