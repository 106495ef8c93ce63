"""`attnctl sweep`: from a grid to runs. The options of the modules that it names are synthesized: see options.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from attnctl.cli import completion, context, sweep_records
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import AXES, Backbones, Datasets, Models, Placements, Seeds
from attnctl.cli.sweeping.destination import Asked, Device, RunOn
from attnctl.cli.sweeping.paper_options import PaperOptions, check_hyperparameters
from attnctl.cli.sweeping.synthesis import synthesize

PLACE = "Where it runs"
PAPER = "Instead of MODULE: a paper's table or figure; options of axes and recipe overrule the paper"


def _option(help: str, *names: str, panel: str | None = None, **more: Any) -> Any:  # noqa: A002 - Typer's own name
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


def sweep(
    modules: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE[,MODULE...]",
            help="Modules, such as ela or none,se,ela; none is the plain backbone.",
            autocompletion=completion.modules,
            show_default=False,
        ),
    ] = None,
    *,
    paper: Annotated[
        str | None,
        _option(
            "A paper, or a paper file, for --table or --figure.",
            panel=PAPER,
            metavar="NAME|FILE",
            autocompletion=completion.papers,
        ),
    ] = None,
    table: Annotated[
        str | None, _option("Train the runs of this table, such as 2 or ean:2.", panel=PAPER, metavar="N|PAPER:N")
    ] = None,
    figure: Annotated[
        str | None, _option("Train the runs of this figure, such as 3 or ean:3.", panel=PAPER, metavar="N|PAPER:N")
    ] = None,
    rows: Annotated[
        str | None,
        _option(
            "Only these rows of the table: names or globs such as '*EAN*' (comma list).",
            panel=PAPER,
            metavar="GLOBS",
        ),
    ] = None,
    model: Models = None,
    backbone: Backbones = None,
    dataset: Datasets = None,
    placement: Placements = None,
    seed: Seeds = None,
    parameter: Annotated[
        list[str] | None,
        _option("Hyperparameter of one module, such as ela.kernel=5,7.", "--parameter", "-p", panel=AXES),
    ] = None,
    init: Annotated[
        str | None,
        _option(
            "Start from the weights of a completed run, or of a file.",
            panel=AXES,
            metavar="RUN|FILE",
            autocompletion=completion.runs,
        ),
    ] = None,
    skip_invalid: Annotated[
        bool, _option("Skip combinations that are impossible, and list them.", "--skip-invalid", panel=AXES)
    ] = False,
    recipe: Annotated[
        str | None,
        _option(
            "How to train; the options below override its values.",
            panel=dynamic_options.RECIPE,
            autocompletion=completion.recipes,
        ),
    ] = None,
    dry_run: Annotated[bool, _option("Show the plan and the job script, and write nothing.", "--dry-run")] = False,
    name: Annotated[
        str | None, _option("Name of the sweep; an existing sweep is extended.", autocompletion=completion.sweeps)
    ] = None,
    retry_failed: Annotated[bool, _option("Also run again what has failed.", "--retry-failed")] = False,
    wait: Annotated[bool, _option("On SLURM: wait until all runs have ended.", "--wait")] = False,
    as_json: context.AsJson = False,
    run_on: Annotated[RunOn | None, _option("auto is SLURM where there is one.", "--run-on", panel=PLACE)] = None,
    nodes: Annotated[int, _option("Nodes of a run.", min=1, max=4096, panel=PLACE)] = 1,
    gpus_per_node: Annotated[
        int | None, _option("GPUs on each node; 0 trains on CPUs.", min=0, max=64, panel=PLACE)
    ] = None,
    tasks_per_node: Annotated[
        int | None, _option("Processes on each node without GPUs.", min=1, max=1024, panel=PLACE)
    ] = None,
    cpus_per_task: Annotated[int | None, _option("Cores of each process.", min=1, max=1024, panel=PLACE)] = None,
    device: Annotated[Device, _option("What to train on.", panel=PLACE)] = "auto",
    time: Annotated[str | None, _option("Limit of a run: minutes, H:M:S or D-H:M:S.", panel=PLACE)] = None,
    partition: Annotated[str | None, _option("SLURM's partition.", panel=PLACE)] = None,
    profile: Annotated[
        str | None, _option("A SLURM profile from attnctl.toml.", panel=PLACE, autocompletion=completion.profiles)
    ] = None,
    parallel: Annotated[int | None, _option("Runs at the same time.", min=1, max=10_000, panel=PLACE)] = None,
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Train the missing runs of a grid or a paper's table.

    Every hyperparameter, axis and field of the recipe takes a comma list, and the grid is their product. What is done
    or queued already is not run again. `attnctl sweep MODULE --help` shows the hyperparameters of MODULE.

    Instead of MODULE, a paper's table: `attnctl sweep --table ean:2`, `attnctl sweep --paper nam --table 1 --rows
    '*NAM*' --seed 0,1,2`, `attnctl sweep --table ela:5 --dataset digits --epochs 3`, `attnctl sweep --figure ean:3`.

    A detector is an axis, and the task follows from it: `attnctl sweep none,ela --model fasterrcnn --backbone resnet50
    --dataset voc07 --init RUN`, from a classifier's weights; `attnctl sweep --table ela:7 --init yolox_nano.pth`.
    """
    from attnctl.cli.sweeping import init_weights, launch, selection
    from attnctl.cli.sweeping.axes import axes

    of_paper = PaperOptions(paper=paper, table=table, figure=figure, rows=rows)
    of_paper.check(modules, parameter)
    config = context.config(new=True)
    start = init_weights.find(config.workspace, init)
    given = {"model": model, "backbone": backbone, "dataset": dataset, "placement": placement, "seed": seed}
    if modules is not None:
        request = axes(
            modules,
            given=given,
            addressed=parameter or (),
            recipe=recipe,
            dynamic=dynamic,
            defaults=config.defaults,
            init=start.identity,
        )
        runs = selection.of_modules(request, skip_invalid=skip_invalid)
    else:
        runs = of_paper.wanted(config, given, recipe, dynamic, start.identity)
    if name is not None:
        sweep_records.check_name(name)
    asked = Asked(
        run_on=run_on,
        nodes=nodes,
        gpus_per_node=gpus_per_node,
        tasks_per_node=tasks_per_node,
        cpus_per_task=cpus_per_task,
        device=device,
        time=time,
        partition=partition,
        profile=profile,
        parallel=parallel,
    )
    order = launch.Order(
        name=name,
        command=context.command(),
        retry_failed=retry_failed,
        wait=wait,
        as_json=as_json,
        start=start,
    )
    return launch.preview(config, runs, asked, order) if dry_run else launch.launch(config, runs, asked, order)


def command_for(words: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `words` (what follows `sweep`) name; raises SpecError."""
    made = synthesize(sweep, words, completing, dynamic_options.recipe_options(words))
    if not completing:
        check_hyperparameters(words, made)
    return made
