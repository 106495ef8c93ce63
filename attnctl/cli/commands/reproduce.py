"""`attnctl reproduce`: a whole paper, from what its rows start from to the verdict on its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import consent, context, output, sweep_records
from attnctl.cli.option_groups import Shown
from attnctl.cli.reporting.options import PaperOrFile, Tables, table_numbers
from attnctl.cli.sweeping.resource_options import PANEL, ResourceOptions
from attnctl.values import SpecError, split_list

if TYPE_CHECKING:
    from attnctl.cli.reproducing.budget import Choice
    from attnctl.cli.reproducing.graph import Part
    from attnctl.papers import Paper
    from attnctl.settings.config import Config


def reproduce(
    paper: PaperOrFile,
    *,
    table: Tables = None,
    rows: Annotated[
        str | None,
        typer.Option(help="Only these rows: names or globs such as '*EAN*' (comma list).", metavar="NAMES"),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Train what this many GPU-hours allow, the most compared rows first.", metavar="HOURS", min=0
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of seeds of each row.", min=1, max=100)] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Instead of the paper's values, for all tables or one, such as dataset=digits or 5:epochs=3.",
            metavar="[TABLE:]NAME=VALUE",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the graph and its cost, and write nothing.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also run failed runs again.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="On SLURM: wait until the runs of a table have ended.")] = False,
    as_json: context.AsJson = False,
    resources: Annotated[ResourceOptions, Shown(panel=PANEL)],
) -> int:
    """Train a paper's tables, and judge its numbers.

    The rows of all tables and what they start from are one graph. What is completed or queued is not trained again, so
    the same command goes on where it stopped. The rows that most of the paper's comparisons need come first, seed by
    seed. When all runs have ended the verdict follows; `attnctl verdict PAPER` shows it at any time.

    Examples:
        attnctl reproduce ean --dry-run
        attnctl reproduce ean --table 3,5 --seeds 3 --budget 2000
        attnctl reproduce nam --set dataset=digits --set epochs=1
    """
    from attnctl import papers
    from attnctl.cli.reporting import verdict
    from attnctl.cli.reproducing import budget as budgets
    from attnctl.cli.reproducing import graph, show
    from attnctl.cli.reproducing import settings as asked
    from attnctl.cli.sweeping.cost import estimate, machine_of
    from attnctl.cli.sweeping.destination import planned_destination
    from attnctl.cli.sweeping.dry_run import parts_of
    from attnctl.cli.sweeping.time_limit import limited
    from attnctl.cost import CostModel

    if as_json and not dry_run:
        raise SpecError("--json needs --dry-run; `attnctl verdict PAPER --json` gives the results")
    config = context.config(new=True)
    if dry_run:
        consent.ask_before_planning(config, as_json=as_json)
        consent.note_untrusted(config)
    else:
        consent.ask(config)
    source = papers.load(paper)
    tables = verdict.chosen(source, table_numbers(table))
    overrides = asked.read(settings or (), [item.number for item in tables], seeds)
    globs = split_list(rows, "--rows") if rows is not None else ()
    parts = graph.parts(config.workspace, source, tables, overrides, globs)
    context.tell_passed_by()
    destination = planned_destination(config, resources, graph.specs_of(parts))
    model = CostModel.of(config.workspace)
    runs = graph.build(
        config.workspace,
        source,
        parts,
        model,
        lambda spec: machine_of(destination.shape_of(spec)),
        retry_failed=retry_failed,
    )
    choice = budgets.choose(runs, budget)
    train = [node.spec for node in choice.train]
    timed, limit = limited(model, destination, train)
    shapes = parts_of(config, timed, train)
    cost = estimate(config, train, timed, model)
    if as_json:
        output.document(show.in_document(source.name, parts, runs, choice, cost, budget, shapes))
        return 0
    show.show(source.name, parts, runs, choice, cost, budget, shapes, limit)
    if dry_run:
        output.line("Dry run: nothing was written.")
        return 0
    code = _launch(config, source, parts, choice, resources, retry_failed=retry_failed, wait=wait)
    output.line()
    if destination.where == "slurm" and choice.train and not wait:
        output.line("next: attnctl status --watch; the same command goes on, and judges the numbers at the end")
        return code
    with context.index() as index:
        index.refresh()
        verdict.show(verdict.gather(index, source, [item.number for item in tables]))
    return code


def _launch(
    config: Config,
    paper: Paper,
    parts: Sequence[Part],
    choice: Choice,
    resources: ResourceOptions,
    *,
    retry_failed: bool,
    wait: bool,
) -> int:
    """Submit or train what was chosen, one table after the other. The exit code: 1 if a run that was trained failed."""
    from attnctl.cli.sweeping import launch

    position = {node.spec.id: number for number, node in enumerate(choice.train)}
    code = 0
    for part in _in_order(parts, choice):
        assert part.selection is not None
        order = launch.Order(
            name=sweep_records.fitting_name(
                config.workspace, f"reproduce-{paper.name}-{part.table.number}".lower(), part.selection.of
            ),
            command=context.command(),
            retry_failed=retry_failed,
            wait=wait,
            as_json=False,
            with_bases=True,
        )
        specs = sorted(
            (spec for spec in part.selection.specs if spec.id in position), key=lambda spec: position[spec.id]
        )
        output.line()
        code = max(code, launch.launch(config, replace(part.selection, specs=specs), resources, order))
    return code


def _in_order(parts: Sequence[Part], choice: Choice) -> list[Part]:
    """The tables that have something to train, in the order in which that is to be trained."""
    found: dict[str, Part] = {}
    for node in choice.train:
        for part in parts:
            if part.selection is not None and node.spec in part.selection.specs:
                found.setdefault(part.table.number, part)
    return list(found.values())
