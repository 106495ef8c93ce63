"""Whether a search has trainings to choose: known from the runs that it has, and from which of them have ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from attnctl.search.results import key_of
from attnctl.search.sampled import values_of
from attnctl.spec import RunSpec
from attnctl.workspace.records import Search


def is_due(search: Search, specs: Sequence[RunSpec], ended: Collection[str]) -> bool:
    """Whether all trainings of a module have ended while it is to have more: then the next ones follow from them.

    ended: the ids of the runs that have ended for good
    """
    return any(
        len(_samples(runs)) < wanted and all(spec.id in ended for spec in runs)
        for runs, wanted in _modules(search, specs)
    )


def has_all(search: Search, specs: Sequence[RunSpec]) -> bool:
    """Whether every module has as many trainings as it is to have, so that nothing is left to choose."""
    return all(len(_samples(runs)) >= wanted for runs, wanted in _modules(search, specs))


def _modules(search: Search, specs: Sequence[RunSpec]) -> Iterator[tuple[list[RunSpec], int]]:
    """The runs of each module in each network, and how many trainings it is to have."""
    cells: dict[tuple[str, ...], list[RunSpec]] = {}
    for spec in specs:
        cells.setdefault(key_of(spec), []).append(spec)
    for runs in cells.values():
        yield runs, search.trainings if values_of(runs[0], search.ranges) else 1


def _samples(runs: Sequence[RunSpec]) -> set[str]:
    """The trainings of these runs, whatever their seeds and initial weights."""
    return {replace(spec, init="", origin=None).family for spec in runs}
