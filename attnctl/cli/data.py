"""`attnctl data`: bringing the published data sets to where the runs read them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from attnctl import datasets
from attnctl.cli import complete, context, listings, output

_MIB = 1 << 20


def fetch(
    dataset: Annotated[
        str, typer.Argument(help="A data set that can be downloaded.", autocompletion=complete.datasets)
    ],
) -> None:
    """Download a data set into its folder, checked; one that broke off is continued."""
    from jobs.data.fetch import fetch as download

    described = datasets.describe(dataset)
    folder = context.config().data.folder(dataset)
    if folder is None:
        output.line(f"{dataset} is built in: there is nothing to fetch")
        return
    with _progress(dataset) as progress:
        download(described, folder, progress)
    output.line(f"{dataset} is in {folder}")


def list_() -> None:
    """List the data sets, and whether they are here."""
    listings.datasets()


@contextmanager
def _progress(dataset: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, else a line at the start and one every 64 MiB."""
    if output.is_terminal(sys.stderr):
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True, highlight=False)) as bars:
            task = bars.add_task(dataset, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
    else:
        yield _Lines(dataset)


class _Lines:
    """Progress for a log: called with the bytes so far and in all, it says something now and then."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._next = 0

    def __call__(self, done: int, total: int | None) -> None:
        if done >= self._next:
            self._next = done + 64 * _MIB
            output.note(f"{self._dataset}: {done // _MIB} of {total // _MIB if total else '?'} MiB")
