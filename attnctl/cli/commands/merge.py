"""`attnctl merge`: copies the runs of another workspace into this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import context, errors, output, output_files
from attnctl.units import plural, quantity
from attnctl.values import SpecError
from attnctl.workspace import version
from attnctl.workspace.layout import Workspace

if TYPE_CHECKING:
    from attnctl.merge import Plan
    from attnctl.merge.attempts import MergedAttempt
    from attnctl.merge.records import SweepChange


SHOWN = 20
"""The maximum number of runs whose attempts are listed one by one."""


def merge(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Another workspace, or an unpacked archive. It is only read.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and write nothing.")] = False,
    as_json: context.AsJson = False,
) -> int:
    """Merge the runs of another workspace into this one.

    For a run that is in both workspaces, the attempts of both are kept. Active runs of either are skipped. If the merge
    is interrupted, run the same command again; a repeated merge changes nothing.

    Examples:
        attnctl merge ../workspace-2 --dry-run
    """
    from attnctl import merge as merging

    ours, theirs = context.config().workspace, _other_workspace(folder)
    merging.check(ours, theirs)
    with ExitStack() as stack:
        if dry_run:
            plan, changes, broken = _plan(ours, theirs)
        else:
            stack.enter_context(merging.alone(ours))
            merging.recover(ours)
            version.mark(ours)
            plan, changes, broken = _plan(ours, theirs)
            broken |= merging.apply(ours, theirs, plan, _reread(ours, stack), _tracked("merging"))
    broken = plan.broken | broken
    if as_json:
        output.document(_json(plan, changes, broken))
    else:
        _show(plan, changes, broken, dry_run=dry_run)
    return errors.OURS if broken else errors.OK


def _other_workspace(folder: Path) -> Workspace:
    from attnctl.settings.config import find

    if folder.is_file():
        raise SpecError(f"{folder} is a file; unpack it first (tar -xf {folder.name}), then merge the folder")
    if not str(folder).isprintable() or not folder.is_dir():
        raise SpecError(f"there is no folder {str(folder)[:200]!r}")
    return find(folder, Path.cwd(), {}).workspace


def _plan(ours: Workspace, theirs: Workspace) -> tuple[Plan, list[SweepChange], dict[str, str]]:
    """The plan for the runs, the sweeps to write, and error messages for damaged sweeps."""
    from attnctl import merge as merging
    from attnctl.merge import records

    plan = merging.plan(ours, theirs, _tracked("planning"))
    for run in merging.unfinished(ours):
        plan.broken[run] = "an earlier merge of it was interrupted; run again without --dry-run to finish it"
    return plan, *records.sweeps(ours, theirs)


def _tracked(label: str) -> Callable[[Sequence[str]], Iterator[str]]:
    return lambda runs: output_files.tracked(runs, label)


def _reread(workspace: Workspace, stack: ExitStack) -> Callable[[str], None]:
    """Make the index read a run again, if there is an index."""
    from attnctl.db import location, open_index
    from attnctl.db.forget import forget

    if not location(workspace).exists():
        return lambda _: None
    index = stack.enter_context(open_index(workspace))
    return lambda run: forget(index, [run])


def _json(plan: Plan, changes: Sequence[SweepChange], broken: dict[str, str]) -> dict[str, Any]:
    return {
        "new": plan.new,
        "extended": {
            run: [
                {"attempt": number, "was": item.ours, "was_there": item.theirs} for number, item in enumerate(joined, 1)
            ]
            for run, joined in plan.extended.items()
        },
        "same": plan.same,
        "left_out": plan.left_out,
        "broken": broken,
        "disagree": plan.alarms,
        "links": plan.links,
        "sweeps": {item.record.name: item.renamed or item.record.name for item in changes},
    }


def _show(plan: Plan, changes: Sequence[SweepChange], broken: dict[str, str], *, dry_run: bool) -> None:
    counts = (
        (len(plan.new), "new"),
        (len(plan.extended), "with more attempts"),
        (len(plan.same), "there already"),
        (len(plan.left_out), "left out"),
        (len(plan.broken), "broken"),
    )
    total = sum(count for count, _ in counts)
    summary = ", ".join(f"{count} {words}" for count, words in counts if count)
    output.line(quantity(total, "run") + (f": {summary}" if summary else ""))
    for run, joined in list(plan.extended.items())[:SHOWN]:
        output.line(f"  {run}: {_attempt_changes(joined)}")
    if len(plan.extended) > SHOWN:
        output.line(f"  and {len(plan.extended) - SHOWN} more; --json lists them all")
    for item in changes:
        renamed = f", as {item.record.name}: another sweep has that name here" if item.renamed else ""
        output.line(f"  sweep {item.renamed or item.record.name}{renamed}")
    for run, words in plan.alarms.items():
        output.note(f"run {run}: {words}")
    for run, words in plan.left_out.items():
        output.note(f"run {run} is left out: it is {words}, as its folder says; attnctl status looks again")
    for words in plan.links:
        output.note(f"left out: {words}; only regular files are copied")
    for name, words in broken.items():
        output.note(f"{name} is broken, and left out: {words}")
    if dry_run:
        output.note("nothing was written: --dry-run")


def _attempt_changes(joined: Sequence[MergedAttempt]) -> str:
    """The changes to a run's attempts: `attempt 1 added; 1 is now 2`."""
    numbered = list(enumerate(joined, 1))
    added = [str(number) for number, item in numbered if item.ours is None]
    grown = [str(number) for number, item in numbered if item.grown]
    moved = [f"{item.ours} is now {number}" for number, item in numbered if item.ours not in {None, number}]
    changes = [f"{plural(len(added), 'attempt')} {', '.join(added)} added"] if added else []
    changes += [f"more of attempt {', '.join(grown)}"] if grown else []
    return "; ".join([*changes, *moved])
