"""Rows that stand beside a table's own: the same modules with other hyperparameters, or at other places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl import attention
from attnctl.papers.model import PaperTable, Row
from attnctl.papers.runs import Cells, Near, Overrides, cells_of, cells_of_row, chosen_rows
from attnctl.sources.combination import parts_of
from attnctl.values import Scalar, SpecError, comma_join, convert, did_you_mean, format_value, rejoined


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What was asked for, as typed.

    hyperparameters: name -> values, for every module that has it. addressed: (module, name) -> values, for that module.
    """

    hyperparameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addressed: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    placements: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.hyperparameters or self.addressed or self.placements)


def cells_beside(table: PaperTable, overrides: Overrides, rows: Sequence[str], asked: Beside) -> list[Cells]:
    """The runs of the rows beside the chosen ones, without those that the table has already.

    rows: globs of row names; empty: all. Raises SpecError for what applies to none of these rows.
    """
    own = [row for row in chosen_rows(table, rows) if not row.baseline]
    _check(table, own, asked)
    known = {spec.family for cells in cells_of(table, overrides) for spec in cells.specs}
    found = []
    for row in own:
        for changed in _changed(row, asked):
            for cells in cells_of_row(changed, table.columns, overrides, Near(table)):
                families = {spec.family for spec in cells.specs}
                if not families or not families <= known:
                    found.append(cells)
                known |= families
    return found


def _check(table: PaperTable, rows: Sequence[Row], asked: Beside) -> None:
    """Raise SpecError for a module or a hyperparameter that no row has."""
    modules = dict.fromkeys(row.setup.module for row in rows)
    parts = {part.name: part for module in modules for part in parts_of(attention.describe(module))}
    names = {item.name for part in parts.values() for item in part.hyperparameters}
    for name in asked.hyperparameters:
        if name not in names:
            raise SpecError(f"no module in these rows of table {table.name} has a hyperparameter {name!r}")
    for module, name in asked.addressed:
        if module not in parts:
            raise SpecError(f"-p {module}.{name}: these rows of table {table.name} have {comma_join(parts) or 'none'}")
        own = [item.name for item in parts[module].hyperparameters]
        if name not in own:
            raise SpecError(f"-p {module}.{name}: {module} has no hyperparameter {name!r}{did_you_mean(name, own)}")


def _changed(row: Row, asked: Beside) -> Iterator[Row]:
    """The row with each combination of the values and placements that apply to it."""
    axes = _axes(row, asked)
    if not axes and not asked.placements:
        return
    for placement, *values in itertools.product(asked.placements or ("",), *axes.values()):
        settings = dict(zip(axes, values, strict=True))
        words = [f"{name}={format_value(value)}" for name, value in settings.items()]
        name = " ".join([row.name, *words, *([f"placement={placement}"] if placement else [])])
        setup = replace(
            row.setup,
            hyperparameters={**row.setup.hyperparameters, **settings},
            placement=str(placement) or row.setup.placement,
        )
        yield replace(row, name=name, printed=name, published={}, explained={}, setup=setup)


def _axes(row: Row, asked: Beside) -> dict[str, list[Scalar]]:
    """Hyperparameter -> values, of the row's module."""
    source = attention.describe(row.setup.module)
    axes: dict[str, list[Scalar]] = {}
    for part in parts_of(source):
        prefix = "" if part is source else f"{part.name}."
        for item in part.hyperparameters:
            typed = asked.addressed.get((part.name, item.name), asked.hyperparameters.get(item.name, ()))
            values = rejoined(typed, item.declared) if typed else ()
            if values:
                axes[prefix + item.name] = [
                    convert(value, item.declared, f"{part.name} {item.name}") for value in values
                ]
    return axes
