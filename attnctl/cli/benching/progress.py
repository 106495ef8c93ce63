"""The progress of `attnctl bench` on standard error: a bar on a terminal, a line per change in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from attnctl.cli import output
from attnctl.cli.sweeping.progress import bars

Report = Callable[[str, int], None]
"""Takes the name of a part and the number of rounds that it has done."""


@contextmanager
def display(names: Sequence[str], rounds: int, done: int) -> Iterator[Report]:
    """A display for parts with these names. rounds: of each part. done: parts that are measured already."""
    if not output.is_terminal(sys.stderr):
        yield _Lines(len(names), rounds, done)
        return
    with bars() as shown:
        total = shown.add_task("all networks", total=len(names) * rounds, completed=done * rounds, news="")

        def report(name: str, finished: int) -> None:
            shown.update(total, description=name, advance=1 if finished else 0)

        yield report


class _Lines:
    """A line when a part starts, and when it has been measured."""

    def __init__(self, parts: int, rounds: int, done: int) -> None:
        self._parts, self._rounds, self._done = parts, rounds, done

    def __call__(self, name: str, rounds: int) -> None:
        if rounds == self._rounds:
            self._done += 1
            output.note(f"[{self._done}/{self._parts}] {name}: measured")
        elif not rounds:
            output.note(f"[{self._done}/{self._parts}] {name}: starting")
