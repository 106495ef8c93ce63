"""The best cells of each column among the rows that are compared: tested by seed where there are enough seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from attnctl.reports.statistics.corrections import welch
from attnctl.reports.statistics.gains import gain
from attnctl.reports.statistics.sign_flip import LEVEL, least_pairs, p_value
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row

LEAST = 3
"""Cells with a number from which on the second best is marked: of two it is just the other."""

DECIDING = least_pairs()
"""Seeds that a row must share with the best one to be tested against it: with fewer, no difference is significant."""


def ranked(rows: Sequence[Row], columns: Sequence[ReportColumn], *, unpaired: bool = False) -> tuple[Row, ...]:
    """The rows of a group with the best cells marked, each with whatever shows the same number.

    Where the seeds can decide, every cell that is not significantly below the best is a best one too; elsewhere the
    second-best is marked. unpaired: by Welch's test even where rows share seeds
    """
    cells = [list(row.cells) for row in rows]
    for position, column in enumerate(columns):
        found = [row[position] for row in cells]
        numbers = _numbers(found, column)
        if len(numbers) < 2:
            continue
        places = list(dict.fromkeys(map(column.show, numbers)))
        near = _near(found, column, unpaired=unpaired)
        second = places[1] if not near and len(places) > 1 and len(numbers) >= LEAST else None
        for at, (cell, row) in enumerate(zip(found, cells, strict=True)):
            if cell.value is not None:
                shown = column.show(cell.value)
                row[position] = replace(cell, best=shown == places[0] or at in near, second=shown == second)
    return tuple(replace(row, cells=tuple(own)) for row, own in zip(rows, cells, strict=True))


def decided(group: Group, columns: Sequence[ReportColumn]) -> Iterator[bool]:
    """For each trained column of a group in which cells are marked: whether they are tested."""
    for position, column in enumerate(columns):
        cells = [row.cells[position] for row in group.rows]
        if column.measured and len(_numbers(cells, column)) > 1:
            yield bool(_rivals(cells, _best(cells, column)))


def bold_notes(table: ReportTable, best: str, *, unpaired: bool = False) -> Iterator[str]:
    """What bold and underlined mean in a table. best: what is bold, such as `the highest`."""
    found = {answer for group in table.groups for answer in decided(group, table.columns)}
    test = "Welch's test" if unpaired else "sign-flip test over the shared seeds"
    if True in found:
        yield (
            f"Bold: {best} of each group, and what is not significantly below it ({test}, p >= {LEVEL:g}, each cell by "
            f"itself); cells that share fewer than {DECIDING} seeds with it are not tested."
        )
    if found == {True, False}:
        yield f"Groups with fewer than {DECIDING} shared seeds: {best} is bold, the second underlined, not tested."
    elif True not in found:
        yield f"Bold: {best} of each group; underlined: the second; not tested (that takes {DECIDING} seeds)."


def _numbers(cells: Sequence[Cell], column: ReportColumn) -> list[float]:
    """The numbers of a column, the best first; none if it has no better side."""
    values = [cell.value for cell in cells if cell.value is not None]
    return sorted(values, reverse=column.better == "higher") if column.better is not None else []


def _best(cells: Sequence[Cell], column: ReportColumn) -> Cell:
    best = _numbers(cells, column)[0]
    return next(cell for cell in cells if cell.value == best)


def _rivals(cells: Sequence[Cell], best: Cell) -> list[int]:
    """The places of the cells that share enough seeds with the best to be tested against it."""
    shared = [len(set(cell.seeds) & set(best.seeds)) for cell in cells]
    return [
        at for at, cell in enumerate(cells) if cell is not best and cell.value is not None and shared[at] >= DECIDING
    ]


def _near(cells: Sequence[Cell], column: ReportColumn, *, unpaired: bool) -> set[int]:
    """The places of the cells that were tested, and are not significantly below the best; with its own if any were."""
    best = _best(cells, column)
    rivals = _rivals(cells, best) if column.measured else []
    near = {at for at in rivals if _p(cells[at], best, unpaired=unpaired) >= LEVEL}
    return near | {next(at for at, cell in enumerate(cells) if cell is best)} if rivals else set()


def _p(cell: Cell, best: Cell, *, unpaired: bool) -> float:
    if unpaired:
        return welch(cell.values, best.values)
    found = gain(dict(zip(cell.seeds, cell.values, strict=True)), dict(zip(best.seeds, best.values, strict=True)))
    return p_value([ours - theirs for ours, theirs in zip(found.values, found.baseline, strict=True)])
