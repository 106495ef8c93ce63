"""`attnctl db`: where the database lies, and making it anew."""

from __future__ import annotations

from attnctl.cli import context, output
from attnctl.units import quantity


def path() -> None:
    """Print the file in which the database is kept."""
    from attnctl.db import location

    output.line(str(location(context.config().workspace)))


def rebuild() -> None:
    """Make the database anew from the run folders."""
    from attnctl.db import rebuild as rebuild_index

    with rebuild_index(context.config().workspace) as index:
        found = [(len(index.runs()), "run"), (len(index.sweeps()), "sweep")]
        counted = " and ".join(quantity(count, noun) for count, noun in found)
        output.line(f"{counted} read into {index.location}")
