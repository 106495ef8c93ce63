"""Parameter and FLOP counts of the networks in the papers' tables, precomputed so that reports build none of them.

Those of the built-in papers are in counts.json, made by `python -m attnctl.papers.counts` and keyed by the network and
the way of counting, not by row. A changed row therefore finds no stale count: it is counted on demand, like the rows of
users' papers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from attnctl import attention, backbones, models
from attnctl.files import write_atomic
from attnctl.networks.complexity import CONVENTIONS, Cell, Written
from attnctl.papers import audit
from attnctl.papers.model import COUNTED, Column, Setup
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError, format_value

FILE = Path(__file__).parent / "counts.json"


@dataclass(frozen=True, kw_only=True)
class Count:
    """The counts of a cell's network.

    counted: by the paper's convention. exact: all parameters, or the multiply-accumulates of all convolutions and
    matrix products. convention: the paper's way of counting
    """

    counted: int
    exact: int
    convention: str


def of(setup: Setup, column: Column) -> Count | None:
    """The counts of a cell's network; None if attnctl does not have the network or cannot build it here.

    setup: `row.setup_of(column)`. Uses torch and the user's cache only for counts missing from the file.
    """
    if column.metric not in COUNTED or setup.waits:
        return None
    try:
        known = _known().get(key(setup, column))
        return _count(setup, column, *known) if known else measure(setup, column)
    except SpecError:
        return None


def measure(setup: Setup, column: Column, *, keep: bool = True) -> Count:
    """Count the network itself. keep: use and fill the user's cache of counts. Raises SpecError."""
    counted = audit.count(setup, column, keep=keep)
    return _count(setup, column, counted, audit.count(setup, column, audit.EXACT, keep=keep))


def key(setup: Setup, column: Column) -> str:
    """The key of a count: network, versions of its parts, and convention; raises SpecError for unknown names."""
    way = audit.way_of(setup, column)
    if way in CONVENTIONS:
        written = Written(head=setup.head, **setup.written)
        told = [
            f"{name}={format_value(value)}" for name, value in vars(written).items() if value != getattr(Written, name)
        ]
        way = " ".join([way, *told])
    return f"{column.metric} as {way}: " + " + ".join(_network(what) for what in audit.cells(setup))


def asked_for() -> Iterator[tuple[str, Setup, Column]]:
    """Every network counted in the papers' tables, once: its key, and one cell that needs it."""
    seen = set()
    for table in audit.tables():
        for row in table.rows:
            for column in audit.columns(table):
                setup = row.setup_of(column)
                if not setup.waits and (name := key(setup, column)) not in seen:
                    seen.add(name)
                    yield name, setup, column


def _network(what: Cell) -> str:
    """Such as `ean 1 G=8 in mobilenet_v2 1 at expansion 1 for 100 classes of 3x32x32`."""
    words = []
    if what.module != NO_MODULE:
        values = (f"{name}={format_value(value)}" for name, value in what.hyperparameters)
        words += [what.module, str(attention.describe(what.module).version), *values]
    if what.backbone:
        words += ["in"] if words else []
        words += [what.model, str(models.describe(what.model).version)] if what.model else []
        words += [what.backbone, str(backbones.describe(what.backbone).version)]
        if what.module != NO_MODULE:
            place = models.placement(what.model, what.backbone, what.placement)
            words += ["at", what.placement, str(place.version)]
        words += ["for", str(what.classes), "classes"]
    return " ".join([*words, "of", f"{what.channels}x{what.size}x{what.size}"])


def _count(setup: Setup, column: Column, counted: int, exact: int) -> Count:
    return Count(counted=counted, exact=exact, convention=audit.way_of(setup, column))


@cache
def _known() -> dict[str, tuple[int, int]]:
    return {name: (counted, exact) for name, (counted, exact) in json.loads(FILE.read_text(encoding="utf-8")).items()}


if __name__ == "__main__":
    found = {name: measure(setup, column) for name, setup, column in asked_for()}
    lines = [f"  {json.dumps(name)}: {json.dumps([item.counted, item.exact])}" for name, item in sorted(found.items())]
    write_atomic(FILE, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
