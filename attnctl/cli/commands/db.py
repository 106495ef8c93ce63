"""`attnctl db`: the path of the index, and rebuilding it."""

from __future__ import annotations

from attnctl.cli import context, output
from attnctl.units import quantity


def path() -> None:
    """Print the path of the index, an SQLite file.

    Examples:
        attnctl db path
    """
    from attnctl.db import location

    output.line(str(location(context.config().workspace)))


def rebuild() -> None:
    """Rebuild the index from the run folders.

    Examples:
        attnctl db rebuild
    """
    from attnctl.db import rebuild as rebuild_index

    with rebuild_index(context.config().workspace) as index:
        found = [(len(index.runs()), "run"), (len(index.sweeps()), "sweep")]
        counted = " and ".join(quantity(count, noun) for count, noun in found)
        output.line(f"{counted} read into {index.location}")
