"""What is said of searches on SLURM that no job continues, and what to type."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

from attnctl.workspace import waiting_searches
from attnctl.workspace.layout import Workspace


def notes(workspace: Workspace, sweeps: Collection[str] | None = None) -> Iterator[str]:
    """A line for each of these searches (None: all) whose next trainings nobody chooses."""
    if not waiting_searches.everybodys(workspace):
        return
    from attnctl.jobs.submission.next_rounds import stalled

    for record, reason in stalled(workspace):
        if sweeps is None or record.sweep in sweeps:
            moved = "" if Path(record.folder) == Path.cwd() else f"cd {shlex.quote(record.folder)} && "
            typed = f"{moved}{shlex.join(['attnctl', *record.command])}"
            yield f"search {record.sweep}: its next trainings are due ({reason}); type: {typed}"
