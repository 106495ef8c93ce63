"""What is measured: one row per network, module and mode; and the ratios between rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

PLAIN = "none"

_FORWARDS = ", forwards of"
"""What follows in a mode whose steps have several forwards; it is compared with the mode of one."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement, or why there is none.

    batch: images per process. ms: of one step, or one forward, of the whole batch. spread: half the distance
    between the quartiles of the repetitions, as a fraction of their median. peak_mb: the most memory that torch had
    allocated on the GPU. first_s: seconds of the first step, compilation included. ratio: images/s relative to the
    row of the plain network in the same mode; of several forwards, to a single one; of two processes, relative to
    twice the one process. published: the paper's ratio.
    """

    part: str
    network: str
    module: str
    mode: str
    batch: int = 0
    skipped: str = ""
    failed: str = ""
    images_per_s: float | None = None
    ms: float | None = None
    spread: float | None = None
    peak_mb: float | None = None
    first_s: float | None = None
    ratio: float | None = None
    published: float | None = None
    published_in: str = ""

    @property
    def name(self) -> str:
        """How messages name it: `training resnet50 ela, amp`."""
        return f"{self.part} {self.network} {self.module}, {self.mode}"


def with_ratios(rows: Sequence[Row]) -> list[Row]:
    """The rows with each ratio whose two rows were measured; an item can have given its own."""
    return [row if row.ratio is not None else dataclasses.replace(row, ratio=_ratio(row, rows)) for row in rows]


def _ratio(row: Row, rows: Sequence[Row]) -> float | None:
    if row.images_per_s is None:
        return None
    if row.part == "two processes":
        alike = ("training", row.network, row.module, row.mode)
        return _relative(row, alike, rows, processes=2)
    mode = row.mode.partition(_FORWARDS)[0] if row.module == PLAIN else row.mode
    return _relative(row, (row.part, row.network, PLAIN, mode), rows)


def _relative(row: Row, alike: tuple[str, ...], rows: Sequence[Row], processes: int = 1) -> float | None:
    for other in rows:
        same = (other.part, other.network, other.module, other.mode) == alike and other.batch == row.batch
        if same and other.images_per_s is not None and row.images_per_s is not None:
            return row.images_per_s / (processes * other.images_per_s)
    return None
