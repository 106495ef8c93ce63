"""From a paper's table to the runs that fill its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from attnctl.papers.model import Row, Table
from attnctl.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What is asked for instead of what the paper has, as typed; empty texts are the paper's own."""

    backbone: str = ""
    placement: str = ""
    dataset: str = ""
    recipe: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Recipe field -> value."""
    seeds: tuple[str, ...] = ("0",)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        raise NotImplementedError

    def words(self) -> str:
        """Such as `dataset=digits epochs=3`, without the seeds; empty when all is the paper's own."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The runs of one row that fill some of its columns.

    variants: the candidates of the declared selection, one unless `train` lists several values; each the same request
    over the seeds. reason: why there can be no runs; then variants is empty.
    """

    row: Row
    columns: tuple[str, ...]
    variants: tuple[tuple[RunSpec, ...], ...] = ()
    reason: str = ""


def cells_of(table: Table, overrides: Overrides, rows: Sequence[str] = ()) -> list[Cells]:
    """The runs of a table's rows. rows: globs of the rows' names; empty: all. Raises SpecError when none matches."""
    raise NotImplementedError
