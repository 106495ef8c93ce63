"""Searches whose runs have ended, or not."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl.db import RunRow
from attnctl.grid import Axes
from attnctl.search.samples import samples, search_of
from attnctl.spec import RunSpec
from attnctl.workspace.records import Search
from tests.reports.report_rows import of_specs


def axes(*modules: str, seeds: tuple[str, ...] = ("0",)) -> Axes:
    """The rate of all modules, and ELA's kernel."""
    own = {("ela", "kernel"): ("int:3..15",)} if "ela" in modules else {}
    return Axes(
        modules=modules,
        addressed=own,
        seeds=seeds,
        overrides={"lr": ("log:1e-3..1e-1",), "val_split": ("0.1",)},
    )


def searched(request: Axes, count: int, halving: int = 0) -> tuple[Search, list[RunSpec]]:
    """The search and its samples one after the other; with halving, their runs are not shortened."""
    search = search_of(request, "random", count, 0, halving)
    return search, samples(request, search).specs


def case(
    values: Sequence[float | None], *modules: str, seeds: tuple[str, ...] = ("0",), state: str = "running"
) -> tuple[Search, list[RunRow]]:
    """Runs with these values on held-out images: of each sample all modules in turn, of each module all seeds."""
    search, specs = searched(axes(*modules, seeds=seeds), len(values) // len(modules) // len(seeds))
    return search, of_specs(specs, values, state)
