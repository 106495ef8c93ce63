"""`attnctl du`: what uses the space of a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from attnctl.cli import completion, context, output, output_files, run_selection, sweep_records
from attnctl.cli.table_layout import Column
from attnctl.db import location
from attnctl.units import size
from attnctl.workspace import disk_usage
from attnctl.workspace.disk_usage import Usage
from attnctl.workspace.layout import Workspace

_KINDS = (Column("checkpoints"), Column("logs"), Column("records"), Column("total"))


def du(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP|RUN",
            help="List the runs of these sweeps, or these runs (default: a row for each sweep).",
            autocompletion=completion.runs_and_sweeps,
        ),
    ] = None,
    runs: Annotated[bool, typer.Option("--runs", help="A row for each run.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Show what uses the space, by sweep or run.

    The largest comes first. A run of several sweeps counts in each of them, and once in the total. `records` are
    metrics, results and predictions. `attnctl gc` deletes checkpoints that are no longer needed, `attnctl rm` runs.

    Examples:
        attnctl du
        attnctl du ela-digits
        attnctl du --runs --json
    """
    workspace = context.config().workspace
    ids = run_selection.chosen(workspace, targets) if targets else workspace.run_ids()
    usages = {run: disk_usage.of_run(workspace.run(run)) for run in output_files.tracked(ids, "measuring")}
    shared = {} if targets else _shared(workspace)
    sweeps = _members(workspace, usages)
    total = sum((*usages.values(), *shared.values()), Usage())
    if as_json:
        of_sweeps = {name: _document(_sum(members, usages)) | {"runs": members} for name, members in sweeps.items()}
        of_runs = {run: _document(usage) for run, usage in usages.items()}
        output.document(
            {
                "runs": of_runs,
                "sweeps": of_sweeps,
                "shared": {name: _document(usage) for name, usage in shared.items()},
                "total": _document(total),
            }
        )
    elif targets or runs:
        _show("run", {run[:8]: (1, usage) for run, usage in usages.items()}, shared, total)
    else:
        listed = {name: (len(members), _sum(members, usages)) for name, members in sweeps.items()}
        alone = [run for run in usages if not any(run in members for members in sweeps.values())]
        listed |= {"(in no sweep)": (len(alone), _sum(alone, usages))} if alone else {}
        _show("sweep", listed, shared, total)


def _shared(workspace: Workspace) -> dict[str, Usage]:
    """What no single run uses, with the index."""
    index = location(workspace)
    files = [path for path in (index, *index.parent.glob(f"{index.name}-*")) if path.is_file()]
    size_of_index = sum(path.stat().st_size for path in files)
    return disk_usage.shared(workspace) | ({"index": Usage(records=size_of_index)} if size_of_index else {})


def _members(workspace: Workspace, usages: Mapping[str, Usage]) -> dict[str, list[str]]:
    """Sweep -> its runs that were measured; damaged records are left out."""
    found = {name: [run for run in runs if run in usages] for name, runs in sweep_records.members(workspace).items()}
    return {name: members for name, members in found.items() if members}


def _sum(runs: Sequence[str], usages: Mapping[str, Usage]) -> Usage:
    return sum((usages[run] for run in runs), Usage())


def _document(usage: Usage) -> dict[str, Any]:
    return vars(usage) | {"total": usage.total}


def _show(noun: str, listed: Mapping[str, tuple[int, Usage]], shared: Mapping[str, Usage], total: Usage) -> None:
    rows = [
        [name, str(count) if noun == "sweep" else "", *_sizes(usage)]
        for name, (count, usage) in sorted(listed.items(), key=lambda item: -item[1][1].total)
    ]
    rows += [
        [f"{name}/" if name != "index" else name, "", *_sizes(usage)]
        for name, usage in sorted(shared.items(), key=lambda item: -item[1].total)
    ]
    if rows:
        output.table((Column(noun, shrink=24), Column("runs", optional=True), *_KINDS), rows)
    parts = f"{size(total.checkpoints)} of it checkpoints" if total.checkpoints else "no checkpoints"
    output.prose(f"{size(total.total)} in total, {parts}")


def _sizes(usage: Usage) -> list[str]:
    values = (usage.checkpoints, usage.logs, usage.records, usage.total)
    return [size(value) if value else "" for value in values]
