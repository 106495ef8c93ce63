"""`attnctl cam`: what trained networks look at, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import context, output
from attnctl.cli.drawing import activation_maps, trained_networks
from attnctl.cli.drawing.options import FigureOptions
from attnctl.cli.option_groups import Shown
from attnctl.values import SpecError, convert, split_list

if TYPE_CHECKING:
    from attnctl.jobs.inspect.cam import Target


def cam(
    runs: trained_networks.Runs,
    *,
    count: Annotated[
        int, typer.Option(min=1, max=activation_maps.MOST_ROWS, help="Number of images of a folder or of the test set.")
    ] = 5,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Layers, such as layer4.2,layer3 (default: the end of the last stage with a spatial map).",
            metavar="NAMES",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str, typer.Option(metavar="CLASS|predicted|label", help="Class to explain: a number, `predicted` or `label`.")
    ] = "predicted",
    method: Annotated[
        activation_maps.Method | None,
        typer.Option(
            help="Grad-CAM or HiResCAM (default for detectors: HiResCAM).",
            show_default=False,
        ),
    ] = None,
    inspected: Annotated[trained_networks.InspectOptions, Shown()],
    drawn: Annotated[FigureOptions, Shown()],
    as_json: context.AsJson = False,
) -> None:
    """Draw class activation maps side by side.

    The figure has a row for each image and a column for each run and layer. Each map shows the predicted class and its
    probability. Images are preprocessed as in evaluation.

    Detectors: the layers are those of the backbone, and the maps explain the boxes of the class. Segmentation networks:
    the maps explain the pixels of the class.

    Examples:
        attnctl cam 3fa2 81bc --images photos --layer layer4.2
        attnctl cam ela-digits --target label -o maps.pdf
    """
    drawn.check()
    resolved_target = _target(target)
    layers = split_list(layer, "--layer") if layer is not None else ()
    images = inspected.files()
    config = context.config()
    with output.others_on_standard_error():
        networks = trained_networks.trained(config, runs, inspected.device, activation_maps.MOST_COLUMNS)
        chosen_method = method or activation_maps.default_method(networks)
        names = trained_networks.names(networks, drawn.names())
        columns = activation_maps.compute(
            config, networks, layers, images, count, resolved_target, chosen_method, names
        )
    grid = activation_maps.grid(columns, drawn.title)
    values = activation_maps.values(columns, chosen_method)
    drawn.deliver(grid, f"cam-{networks[0].run[:8]}", as_json=as_json, values=values)


def _target(text: str) -> Target:
    for keyword in ("predicted", "label"):
        if text == keyword:
            return keyword
    try:
        number = convert(text, int, "--target")
    except SpecError:
        number = None
    if not isinstance(number, int):
        raise SpecError(f"--target is {text!r}; it must be the number of a class, predicted, or label")
    return number
