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
from attnctl.papers.model import COUNTED, PaperColumn, Setup
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


def of(setup: Setup, column: PaperColumn) -> Count | None:
    """The counts of a cell's network; None if attnctl does not have the network or cannot build it here.

    setup: `row.setup_of(column)`. Uses torch and the user's cache only for counts missing from the file.
    """
    if column.metric not in COUNTED or setup.waits:
        return None
    try:
        stored = _stored().get(key(setup, column))
        return _count(setup, column, *stored) if stored else measure(setup, column)
    except SpecError:
        return None


def measure(setup: Setup, column: PaperColumn, *, keep: bool = True) -> Count:
    """Count the network itself. keep: use and fill the user's cache of counts. Raises SpecError."""
    counted = audit.count(setup, column, keep=keep)
    return _count(setup, column, counted, audit.count(setup, column, audit.EXACT, keep=keep))


def key(setup: Setup, column: PaperColumn) -> str:
    """The key of a count: network, versions of its parts, and convention; raises SpecError for unknown names."""
    name = audit.convention_of(setup, column)
    if name in CONVENTIONS:
        written = Written(head=setup.head, **setup.written)
        settings = [
            f"{name}={format_value(value)}" for name, value in vars(written).items() if value != getattr(Written, name)
        ]
        name = " ".join([name, *settings])
    return f"{column.metric} as {name}: " + " + ".join(_network(network) for network in audit.cells(setup))


def counted_networks() -> Iterator[tuple[str, Setup, PaperColumn]]:
    """Every network counted in the papers' tables, once: its key, and one cell that uses it."""
    seen = set()
    for table in audit.tables():
        for row in table.rows:
            for column in audit.columns(table):
                setup = row.setup_of(column)
                if not setup.waits and (name := key(setup, column)) not in seen:
                    seen.add(name)
                    yield name, setup, column


def _network(network: Cell) -> str:
    """Such as `ean 1 G=8 in mobilenet_v2 1 at expansion 1 for 100 classes of 3x32x32`."""
    parts = []
    if network.module != NO_MODULE:
        source = attention.describe(network.module)
        values = source.without_neutral(dict(network.hyperparameters))
        parts += [network.module, source.version, *(f"{name}={format_value(value)}" for name, value in values.items())]
    if network.backbone:
        parts += ["in"] if parts else []
        parts += [network.model, str(models.describe(network.model).version)] if network.model else []
        parts += [network.backbone, str(backbones.describe(network.backbone).version)]
        if network.module != NO_MODULE:
            for _, own in attention.split(network.module):
                placement = models.placement(network.model, network.backbone, own or network.placement)
                parts += ["at", own or network.placement, str(placement.version)]
        parts += ["for", str(network.classes), "classes"]
    return " ".join([*parts, "of", f"{network.channels}x{network.size}x{network.size}"])


def _count(setup: Setup, column: PaperColumn, counted: int, exact: int) -> Count:
    return Count(counted=counted, exact=exact, convention=audit.convention_of(setup, column))


@cache
def _stored() -> dict[str, tuple[int, int]]:
    return {name: (counted, exact) for name, (counted, exact) in json.loads(FILE.read_text(encoding="utf-8")).items()}


if __name__ == "__main__":
    counts = {name: measure(setup, column) for name, setup, column in counted_networks()}
    lines = [f"  {json.dumps(name)}: {json.dumps([item.counted, item.exact])}" for name, item in sorted(counts.items())]
    write_atomic(FILE, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
