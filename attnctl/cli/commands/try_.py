"""`attnctl try`: a run in small before the whole of it: does it train, save and resume, and what will it cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from attnctl.cli import completion, consent, context, output
from attnctl.cli.option_groups import Shown
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import GridOptions
from attnctl.cli.sweeping.destination import check, choose_destination
from attnctl.cli.sweeping.resource_options import PANEL, ResourceOptions
from attnctl.cli.sweeping.synthesis import synthesize
from attnctl.metrics import DECIDING
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.units import quantity, size
from attnctl.values import SpecError, comma_join
from attnctl.workspace.records import Resources

_LIMIT = 3600.0
"""Seconds that one trial may take."""


def try_(
    modules: Annotated[
        str,
        typer.Argument(
            metavar="MODULE[,MODULE...]",
            help="Modules, such as ela or ./mine.py:MyAttention; none is the plain backbone.",
            autocompletion=completion.modules,
        ),
    ],
    *,
    grid: Annotated[GridOptions, Shown()],
    resources: Annotated[ResourceOptions, Shown(panel=PANEL, only=("device", "cpus_per_task"))],
    as_json: context.AsJson = False,
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Test a module: 20 steps, save, resume, cost estimate.

    Runs one process on one device of this machine in a temporary folder; nothing is kept as a result. Takes the same
    axes, hyperparameters and recipe options as `attnctl sweep`.

    Examples:
        attnctl try ela
        attnctl try se --r 8 --backbone resnet50 --dataset imagenet --device cpu
    """
    from attnctl.cli.sweeping.axes import axes
    from attnctl.cli.sweeping.plan import in_json
    from attnctl.cli.sweeping.run_names import short_names
    from attnctl.cli.sweeping.selection import of_modules

    config = context.config(new=True)
    consent.ask_before_planning(config, as_json=as_json)
    request = axes(
        modules,
        given=grid.given,
        addressed=grid.parameter or (),
        recipe=grid.recipe,
        dynamic=dynamic,
        defaults=config.defaults,
    )
    specs = of_modules(request, skip_invalid=False).specs
    destination = choose_destination(config, dataclasses.replace(resources, run_on="local"))
    check(config, specs, Resources())
    names, answers = short_names(specs), []
    for spec in specs:
        answer = _trial(config, spec, dataclasses.replace(destination.resources, minutes=None))
        answers.append(in_json(spec) | answer)
        if not as_json:
            output.line(names[spec.id])
            output.pairs({f"  {name}": value for name, value in _lines(spec, answer).items()})
    if as_json:
        output.document({"runs": answers})
    return 0


def _trial(config: Config, spec: RunSpec, resources: Resources) -> dict[str, Any]:
    """What a trial found; raises SpecError with what was wrong."""
    from attnctl.jobs.slurm.commands import environment
    from attnctl.sources import isolated

    request = {
        "workspace": str(config.workspace.root),
        "spec": spec.to_json(),
        "resources": dataclasses.asdict(resources),
    }
    try:
        return isolated.ask(
            "attnctl.jobs.trial",
            request,
            spec.code_versions,
            what="the trial of 20 steps",
            seconds=_LIMIT,
            environment=environment(),
        )
    except SpecError as error:
        raise SpecError(f"{spec.label()}: {error}") from error


def _lines(spec: RunSpec, answer: dict[str, Any]) -> dict[str, str]:
    """What a trial found, for a person."""
    cuda = answer["device"] != "cpu"
    first, last = answer["train_loss"]
    resumed = "to the same weights" if answer["resumed_alike"] else _DIFFERENT[cuda]
    unit = "GPU-hours" if cuda else "hours on this CPU"
    return {
        "network": f"{answer['parameters']:,} parameters, {answer['macs'] / 1e6:,.1f} million MACs an image",
        "training": f"{quantity(answer['steps'], 'step')}; loss {first:.3f}, then {last:.3f}",
        "evaluation": f"{comma_join(_evaluated(answer))} of a few batches",
        "checkpoint": f"{size(answer['checkpoint_bytes'])}; resumed {resumed}",
        "speed": f"{answer['images_per_s']:,.0f} images/s in training on {answer['device']}",
        "peak memory": f"{size(answer['peak_bytes'])} {'of the GPU' if cuda else 'of the process'}",
        "whole run": f"about {_hours(answer['hours'])} {unit} for {_length(spec)}",
    }


def _evaluated(answer: dict[str, Any]) -> list[str]:
    loss = [f"loss {answer['loss']:.3f}"] if "loss" in answer else []
    return loss + [f"{metric.label} {answer[metric.key]:.1f} %" for metric in DECIDING if metric.key in answer]


def _length(spec: RunSpec) -> str:
    return quantity(spec.recipe.epochs, "epoch") if spec.recipe.epochs else quantity(spec.recipe.steps, "step")


_DIFFERENT = {
    False: "to OTHER weights: does the module keep something that is in no parameter or buffer?",
    True: "to weights that differ in the last bits, as a GPU's do",
}


def _hours(hours: float) -> str:
    return f"{hours:.2g}" if hours < 10 else f"{hours:,.0f}"


def command_for(arguments: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `words` (what follows `try`) name; raises SpecError."""
    return synthesize(try_, arguments, completing, dynamic_options.recipe_options(arguments))
