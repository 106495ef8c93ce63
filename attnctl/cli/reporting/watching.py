"""`attnctl report --watch`: a report's file, written again while its runs go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from attnctl.cli import context, output
from attnctl.cli.refresh import take
from attnctl.cli.reporting.request import Gathered, Request, gather, resolved
from attnctl.cli.status_table import totals
from attnctl.files import write_atomic
from attnctl.reports.html import Live
from attnctl.settings.config import Config
from attnctl.units import clock

if TYPE_CHECKING:
    from attnctl.db import Index

PAUSE = 10
"""Seconds between two writings, and between two reloads of a page."""

Text = Callable[["Index", Gathered, Live | None], str]
"""The file's text, from a report; with what a page says while it reloads."""


@dataclass(frozen=True)
class _Look:
    """A report at one time. words: the states of its runs. active: whether one of them is on its way."""

    gathered: Gathered
    words: str
    active: bool
    unavailable: str
    at: float

    @property
    def live(self) -> Live:
        """What its page says."""
        return Live(PAUSE, f"Written at {clock(self.at)}: {self.words}. This page reloads while runs go on.")


def rewrite(config: Config, request: Request, file: Path, text: Text) -> None:
    """Write the file again and again until none of the report's runs is on its way. The last page reloads no more.

    Raises SpecError, and KeyboardInterrupt when the file was written for the last time.
    """
    told: set[str] = set()
    with context.index() as index:
        request = resolved(index, request)
        look = _look(config, index, request)
        try:
            while look.active:
                write_atomic(file, text(index, look.gathered, look.live).encode())
                _tell(look, f"written: {file}, again every {PAUSE} s until the runs have ended (Ctrl-C stops)", told)
                sleep(PAUSE)
                look = _look(config, index, request)
        except KeyboardInterrupt:
            write_atomic(file, text(index, look.gathered, None).encode())
            raise KeyboardInterrupt(f"stopped; {file} is as of {clock(look.at)}: {look.words}") from None
        write_atomic(file, text(index, look.gathered, None).encode())
        _tell(look, f"written: {file}", told)


def _look(config: Config, index: Index, request: Request) -> _Look:
    now = take(config, index, None)
    gathered = gather(index, request)
    behind = set(gathered.report.runs())
    rows = [row for row in now.rows if row.id in behind]
    return _Look(gathered, totals(rows), any(row.active for row in rows), now.unavailable or "", now.at)


def _tell(look: _Look, written: str, told: set[str]) -> None:
    """Print what was not printed yet: warnings, notes, the states of the runs, and what is written."""
    warnings = (f"warning: {warning}" for warning in look.gathered.report.warnings)
    for line in filter(None, (*look.gathered.notes, *warnings, look.unavailable, written, look.words)):
        if line not in told:
            told.add(line)
            output.note(line)
