"""Whether a search has trainings to choose: known from the runs that it has, and from which of them have ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from attnctl.search.results import key_of
from attnctl.search.sampled import values_of
from attnctl.spec import RunSpec
from attnctl.workspace.records import Search


def is_due(search: Search, specs: Sequence[RunSpec], ended: Collection[str]) -> bool:
    """Whether a module is to have more trainings, and those that have ended are enough to choose some of them.

    ended: the ids of the runs that have ended for good
    """
    return any(
        len(_samples(runs)) < wanted
        and (_climbs(search, runs, ended) if search.halving else all(spec.id in ended for spec in runs))
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


def _climbs(search: Search, runs: Sequence[RunSpec], ended: Collection[str]) -> bool:
    """Whether a rung of a module has more samples for the next one than that has."""
    rungs: dict[int, list[RunSpec]] = {}
    for spec in runs:
        rungs.setdefault(spec.recipe.epochs or spec.recipe.steps, []).append(spec)
    counts = [
        (len(_samples(here)), len(_samples(here) - _samples([spec for spec in here if spec.id not in ended])))
        for _, here in sorted(rungs.items())
    ] + [(0, 0)] * len(search.rungs)
    size = counts[0][0]
    for rung in range(len(search.rungs) - 1):
        if search.promoted(rung, size, counts[rung][1]) > counts[rung + 1][0]:
            return True
        size = min(size, search.rungs[rung + 1][0])
    return False


def _samples(runs: Sequence[RunSpec]) -> set[str]:
    """The trainings of these runs, whatever their seeds and initial weights."""
    return {replace(spec, init="", origin=None).family for spec in runs}
