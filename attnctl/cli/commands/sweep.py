"""`attnctl sweep`: from a grid to runs. The options of the modules that it names are synthesized: see options.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from attnctl.cli import completion, consent, context, output, sweep_records
from attnctl.cli.option_groups import Shown
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.axis_options import AXES, GridOptions
from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.cli.sweeping.paper_options import PaperOptions, check_hyperparameters, table_modules
from attnctl.cli.sweeping.resource_options import PANEL, ResourceOptions
from attnctl.cli.sweeping.search_options import SearchOptions
from attnctl.cli.sweeping.synthesis import synthesize


def _option(help: str, *names: str, panel: str | None = None, **more: Any) -> Any:  # noqa: A002 - Typer's own name
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


def sweep(
    modules: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE[,MODULE...]",
            help="Modules, such as ela or none,se,group:lightweight; none is the plain backbone.",
            autocompletion=completion.modules,
            show_default=False,
        ),
    ] = None,
    *,
    of_paper: Annotated[PaperOptions, Shown()],
    grid: Annotated[GridOptions, Shown()],
    search: Annotated[SearchOptions, Shown()],
    initial: Annotated[InitOptions, Shown()],
    skip_invalid: Annotated[
        bool, _option("Skip combinations that are impossible, and list them.", "--skip-invalid", panel=AXES)
    ] = False,
    dry_run: Annotated[bool, _option("Show the plan and the job script, and write nothing.", "--dry-run")] = False,
    name: Annotated[
        str | None,
        _option("Name of the sweep; an existing sweep is extended.", metavar="NAME", autocompletion=completion.sweeps),
    ] = None,
    retry_failed: Annotated[bool, _option("Also run failed runs again.", "--retry-failed")] = False,
    wait: Annotated[bool, _option("On SLURM: wait until all runs have ended.", "--wait")] = False,
    as_json: context.AsJson = False,
    resources: Annotated[ResourceOptions, Shown(panel=PANEL)],
    dynamic: dynamic_options.Dynamic,
) -> int:
    """Train the missing runs of a grid or a paper's table.

    Every hyperparameter, axis and recipe field takes a comma list; the grid is their product. Runs that are completed
    or queued are not submitted again. `attnctl sweep MODULE --help` shows the hyperparameters of MODULE.

    --table or --figure trains the runs of a paper instead; axis and recipe options override the paper's values.
    Hyperparameters given with --table add rows beside those of the paper. --model trains a detector or segmentation
    network. --samples trains samples of ranges instead of a grid.

    Examples:
        attnctl sweep none,ela,an@norm2+se@block --kernel 5,7 --dataset ./flowers
        attnctl sweep group:lightweight --loss ./mine.py:MyLoss -p loss.gamma=1,2
        attnctl sweep --table ean:5 --with-bases
    """
    from attnctl.cli.sweeping import launch, search_rounds
    from attnctl.cli.sweeping.axes import axes, shared_hyperparameters

    of_paper.check(modules, grid.parameter)
    config = context.config(new=True)
    if dry_run:
        consent.ask_before_planning(config, as_json=as_json)
        consent.note_untrusted(config)
    else:
        consent.ask(config, as_json=as_json)
    if name is not None:
        sweep_records.check_name(name)
    rounds: search_rounds.Rounds | None = None
    if modules is not None:
        request = axes(
            modules,
            given=grid.given,
            addressed=grid.parameter or (),
            recipe=grid.recipe,
            dynamic=dynamic,
            defaults=config.defaults,
        )
        request, wanted = search.request(request, name)
        rounds = search_rounds.Rounds(
            workspace=config.workspace,
            request=request,
            typed=modules,
            search=wanted,
            skip_invalid=skip_invalid,
            initial=initial,
            name=name,
        )
        runs = rounds.selection()
        for note in shared_hyperparameters(request):
            output.note(note)
    else:
        search.check_paper()
        runs = of_paper.selection(config, grid, dynamic, initial)
    context.tell_passed_by()
    order = launch.Order(
        name=name,
        command=context.command(),
        retry_failed=retry_failed,
        wait=wait,
        as_json=as_json,
        with_bases=initial.with_bases,
    )
    if dry_run:
        return launch.preview(config, runs, resources, order)
    if rounds is not None and context.is_repeated():
        return launch.repeat(config, rounds.unsubmitted(runs), resources, order)
    code = launch.launch(config, runs, resources, order)
    while rounds is not None and not as_json and (following := rounds.following(runs)) is not None:
        runs = following
        code = max(code, launch.launch(config, runs, resources, order))
    return code


def command_for(words: Sequence[str], completing: bool) -> Callable[..., int]:
    """The command with the options of the modules that `words` (what follows `sweep`) name; raises SpecError."""
    made = synthesize(sweep, words, completing, dynamic_options.recipe_options(words), table_modules(words))
    if not completing:
        check_hyperparameters(words, made)
    return made
