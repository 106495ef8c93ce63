"""`attnctl gc`: delete files that a workspace no longer needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import context, output
from attnctl.cli.refresh import Snapshot, take
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.units import quantity, size

if TYPE_CHECKING:
    from attnctl.jobs.cleanup import Waste


def gc(
    keep: Annotated[
        int | None, typer.Option(help="Checkpoints to keep of a completed run: 1 (the last) or 0.", min=0, max=1000)
    ] = None,
    keep_unfinished: Annotated[
        int | None, typer.Option(help="Good checkpoints to keep of an unfinished run.", min=1, max=1000)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be deleted, and delete nothing.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Delete checkpoints and leftovers no longer needed.

    Active runs are not touched. The section `checkpoints` of attnctl.toml sets how many checkpoints are kept.

    Examples:
        attnctl gc --dry-run
        attnctl gc --keep 0
    """
    from attnctl.jobs import cleanup

    config = context.config()
    with context.index() as index:
        now = take(config, index, None, metrics=())
    finished = config.keep.finished if keep is None else keep
    unfinished = config.keep.unfinished if keep_unfinished is None else keep_unfinished
    waste = list(_waste(config, now, finished, unfinished))
    deleted = [item for item in waste if dry_run or cleanup.remove(item)]
    if as_json:
        files = [
            {"path": str(item.path), "bytes": item.bytes, "reason": item.reason, "run": item.run} for item in deleted
        ]
        output.document({"files": files, "bytes": sum(item.bytes for item in deleted), "unavailable": now.unavailable})
        return
    if now.unavailable:
        output.note(now.unavailable)
    for item in deleted:
        output.line(f"{item.path}: {item.reason}, {size(item.bytes)}")
    total = f"{quantity(len(deleted), 'file')} ({size(sum(item.bytes for item in deleted))})"
    active = f"; skipped {quantity(now.active, 'active run')}" if now.active else ""
    output.line(f"{'Would delete' if dry_run else 'Deleted'} {total}{active}.")


def _waste(config: Config, now: Snapshot, finished: int, unfinished: int) -> Iterator[Waste]:
    from attnctl.jobs import cleanup

    workspace = config.workspace
    for row in now.rows:
        if row.active:
            continue
        run = workspace.run(row.id)
        completed = row.state == State.COMPLETED
        keep = finished if completed else unfinished
        reason = f"beyond {keep} of a run that {'has' if completed else 'has not'} completed"
        yield from cleanup.checkpoints_of(run, keep, reason)
        yield from cleanup.leftovers(workspace, run)
    yield from cleanup.leftovers(workspace)
