"""`attnctl try`: a run in small before the whole of it: does it train, save and resume, and what will it cost."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from attnctl import own_data
from attnctl.cli import completion, consent, context, output
from attnctl.cli.option_groups import Shown
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import GridOptions
from attnctl.cli.sweeping.destination import Destination, check, choose_destination
from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.cli.sweeping.paper_options import PaperOptions, check_hyperparameters
from attnctl.cli.sweeping.resource_options import PANEL, ResourceOptions
from attnctl.cli.sweeping.selection import Selection
from attnctl.cli.sweeping.synthesis import synthesize
from attnctl.files import write_atomic
from attnctl.metrics import DECIDING
from attnctl.settings.config import Config
from attnctl.spec import RunSpec, Start
from attnctl.units import duration, quantity, size
from attnctl.values import SpecError, comma_join
from attnctl.workspace.records import Resources

_LIMIT = 3600.0
"""Seconds that one trial may take."""


def try_(
    modules: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE[,MODULE...]",
            help="Modules, such as ela or ./mine.py:MyAttention; none is the plain backbone.",
            autocompletion=completion.modules,
            show_default=False,
        ),
    ] = None,
    *,
    of_paper: Annotated[PaperOptions, Shown(only=("paper", "table", "rows"))],
    grid: Annotated[GridOptions, Shown()],
    initial: Annotated[InitOptions, Shown(only=("init", "init_partial"))],
    resources: Annotated[ResourceOptions, Shown(panel=PANEL, without=("nodes", "tasks_per_node", "time"))],
    as_json: context.AsJson = False,
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Test a module: 20 steps, save, resume, cost estimate.

    Runs one process on one device of this machine in a temporary folder; nothing is kept as a result. Takes the same
    axes, hyperparameters and recipe options as `attnctl sweep`. Runs that differ only in what costs no time, such as
    the seed, are tried once.

    --run-on slurm runs the trials on compute nodes, as one job array. The measured speeds are kept in the workspace, if
    there is one: the estimated cost of later sweeps is from them.

    --init loads the weights that the run would start from, and so shows what fits.

    Examples:
        attnctl try ela
        attnctl try se --r 8 --backbone resnet50 --dataset imagenet --device cpu
        attnctl try --table ean:2 --run-on slurm
    """
    from attnctl.cli.sweeping.plan import in_json
    from attnctl.cli.sweeping.run_names import short_names

    of_paper.check(modules, grid.parameter)
    config = context.config(new=True)
    if resources.run_on == "slurm":
        consent.ask(config, as_json=as_json)
    else:
        consent.ask_before_planning(config, as_json=as_json)
    selected = _asked(config, modules, of_paper, grid, dynamic, initial)
    specs = _distinct(selected.specs)
    where = dataclasses.replace(resources, run_on=resources.run_on if resources.run_on == "slurm" else "local")
    destination = choose_destination(config, _one_gpu(where))
    check(config, specs, dataclasses.replace(destination, resources=Resources()))
    names, documents = short_names(specs), []
    failed = 0
    for spec, answer in _answers(config, specs, destination, names, selected.files):
        if not as_json:
            output.line(names[spec.id])
        if isinstance(answer, str):
            failed += 1
            documents.append(in_json(spec) | {"error": answer})
            if not as_json:
                output.line(f"  failed: {output.one_line(answer)}")
        else:
            documents.append(in_json(spec) | answer)
            _keep(config, spec, answer)
            if not as_json:
                output.pairs({f"  {name}": value for name, value in _lines(spec, answer).items()})
        sys.stdout.flush()
    if as_json:
        output.document({"runs": documents})
    return 1 if failed else 0


def _asked(
    config: Config,
    modules: str | None,
    of_paper: PaperOptions,
    grid: GridOptions,
    dynamic: dynamic_options.Dynamic,
    initial: InitOptions,
) -> Selection:
    """The runs as typed, and the files of their weights; raises SpecError."""
    from attnctl.cli.sweeping.axes import axes
    from attnctl.cli.sweeping.selection import of_modules, with_weights

    if modules is None:
        return of_paper.selection(config, grid, dynamic, initial if initial.init else InitOptions(init=["random"]))
    request = axes(
        modules,
        given=grid.given,
        addressed=grid.parameter or (),
        recipe=grid.recipe,
        dynamic=dynamic,
        defaults=config.defaults,
    )
    return with_weights(of_modules(request, modules, skip_invalid=False), initial, config.workspace)


def _distinct(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """The first run of each shape: the others take as long."""
    from attnctl.cost.shapes import shape_of

    return list({shape_of(spec): spec for spec in reversed(specs)}.values())[::-1]


def _one_gpu(asked: ResourceOptions) -> ResourceOptions:
    """A trial has one process, so it needs no more than one GPU."""
    return dataclasses.replace(asked, gpus_per_node=min(1, asked.gpus_per_node)) if asked.gpus_per_node else asked


def _answers(
    config: Config,
    specs: Sequence[RunSpec],
    destination: Destination,
    names: Mapping[str, str],
    weights: Mapping[str, Path],
) -> Iterator[tuple[RunSpec, dict[str, Any] | str]]:
    """Each run with its result, as soon as there is one; on this machine a trial that fails raises SpecError."""
    if destination.where == "local":
        for number, spec in enumerate(specs, 1):
            if output.is_terminal(sys.stderr):
                output.note(f"trying {names[spec.id]} ({number} of {len(specs)})")
            yield spec, _trial(config, spec, dataclasses.replace(destination.resources, minutes=None), weights)
        return
    if any(spec.init for spec in specs):
        raise SpecError("try --init loads weights on this machine only; leave out --run-on slurm, or --init")
    from attnctl.jobs import trial_array

    one = dataclasses.replace(destination.resources, nodes=1, tasks_per_node=1)
    one = dataclasses.replace(one, gpus_per_node=min(1, one.gpus_per_node))
    yield from trial_array.run_trials(config, specs, one, destination.options, output.note)


def _keep(config: Config, spec: RunSpec, answer: Mapping[str, Any]) -> None:
    """Keep the measured speed for later estimates, in a workspace that exists."""
    from attnctl.cost.observations import trial_of

    workspace = config.workspace
    if config.file is not None or workspace.runs.is_dir():
        trial = trial_of(spec, answer)
        write_atomic(workspace.trial(spec.id, trial), trial.encode())


def _trial(config: Config, spec: RunSpec, resources: Resources, weights: Mapping[str, Path]) -> dict[str, Any]:
    """What a trial found; raises SpecError with what was wrong. weights: SHA-256 -> the file of initial weights."""
    from attnctl.jobs.slurm.commands import environment
    from attnctl.sources import isolated

    file = Start.of(spec.init).file
    request = {
        "weights": str(weights[file].absolute()) if file in weights else str(config.workspace.weights(file).absolute()),
        "workspace": str(config.workspace.root),
        "spec": spec.to_json(),
        "resources": dataclasses.asdict(resources),
        "own_data": str(config.data.folder(spec.dataset)) if own_data.is_own(spec.dataset) else None,
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
        words = str(error).replace(f"file:{file}", str(weights[file])) if file in weights else str(error)
        raise SpecError(f"{spec.label()}: {words}") from error


def _lines(spec: RunSpec, answer: dict[str, Any]) -> dict[str, str]:
    """What a trial found, for a person."""
    cuda = answer["device"] != "cpu"
    first, last = answer["train_loss"]
    resumed = "to the same weights" if answer["resumed_alike"] else _DIFFERENT[cuda]
    device = f"one {answer['device']}" if cuda else f"{quantity(answer['threads'], 'core')} of {answer['host']}"
    return {
        "network": f"{answer['parameters']:,} parameters, {answer['macs'] / 1e6:,.1f} million MACs an image",
        "training": f"{quantity(answer['steps'], 'step')}; loss {first:.3f}, then {last:.3f}",
        "evaluation": f"{comma_join(_evaluated(answer))} of a few batches",
        "checkpoint": f"{size(answer['checkpoint_bytes'])}; resumed {resumed}",
        "speed": f"{answer['images_per_s']:,.0f} images/s in training on {answer['device']}",
        "peak memory": f"{size(answer['peak_bytes'])} {'of the GPU' if cuda else 'of the process'}",
        "whole run": f"about {duration(3600 * answer['hours'])} on {device} for {_length(spec)}",
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


def command_for(arguments: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `words` (what follows `try`) name; raises SpecError."""
    made = synthesize(try_, arguments, completing, dynamic_options.recipe_options(arguments))
    if not completing:
        check_hyperparameters(arguments, made)
    return made
