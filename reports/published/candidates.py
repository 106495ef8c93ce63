"""Of a row whose recipe lists several values, the training that counts: the one with the highest mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from attnctl.db import RunRow
from attnctl.lifecycle.state import State
from attnctl.papers.runs import Cells
from attnctl.reports.replicates import Metric, Replicates, finished, of_versions, rows_of
from attnctl.spec import RunSpec, recipe_fields
from attnctl.values import comma_join, format_value

_ENDED = {State.COMPLETED, State.DIVERGED}
"""Training again gives nothing else."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The runs that fill some columns of a row.

    candidates: the runs of each of its trainings. spec: one of what they are; none when there can be none.
    note: which of several was chosen, and how. rule: the same without the result, for comparing it with other rows'
    """

    cells: Cells
    runs: Replicates
    candidates: tuple[Replicates, ...] = ()
    spec: RunSpec | None = None
    note: str = ""
    rule: str = ""


def choose(
    cells: Cells, found: Mapping[str, Sequence[RunRow]], metric: Metric, seeds: Collection[int], asked: Collection[int]
) -> Chosen:
    """The runs that count. metric: by whose mean it is chosen, of an error the lowest.

    found: by family. seeds: the only ones to look at; empty: all that there are, and those in `asked`
    """
    if not cells.variants:
        return Chosen(cells=cells, runs=Replicates())
    if cells.selection:
        return _by_held_out(cells, found, metric, seeds, asked)
    candidates = tuple(_replicates(variant, found, seeds, asked) for variant in cells.variants)
    means = [(item.mean, index) for index, runs in enumerate(candidates) if (item := runs.summary(metric))]
    if len(candidates) == 1:
        return Chosen(cells=cells, runs=candidates[0], candidates=candidates, spec=cells.variants[0][0])
    if not means:
        together = Replicates(
            rows=tuple(row for runs in candidates for row in runs.rows),
            seeds=tuple(seed for runs in candidates for seed in runs.seeds),
        )
        return Chosen(cells=cells, runs=together, candidates=candidates, spec=cells.variants[0][0])
    chosen = _best(means, metric)
    specs = [variant[0] for variant in cells.variants]
    return Chosen(
        cells=cells,
        runs=candidates[chosen],
        candidates=candidates,
        spec=specs[chosen],
        note=_note(specs, chosen, candidates, metric),
        rule=_rule(specs),
    )


def winner(cells: Cells, held_out: Sequence[Replicates], metric: Metric) -> int | None:
    """The position of the training that is best on held-out images; None before all of them have ended."""
    means = [(item.mean, index) for index, runs in enumerate(held_out) if (item := runs.summary(metric))]
    ended = all(len([row for row in runs.rows if row.state in _ENDED]) == runs.wanted for runs in held_out)
    return _best(means, metric) if means and ended and len(held_out) == len(cells.variants) else None


def held_out_runs(
    cells: Cells, found: Mapping[str, Sequence[RunRow]], seeds: Collection[int], asked: Collection[int]
) -> tuple[Replicates, ...]:
    """The runs by which one of several trainings is chosen. found, seeds, asked: as for `choose`."""
    return tuple(_replicates(variant, found, seeds, asked) for variant in cells.selection)


def _by_held_out(
    cells: Cells, found: Mapping[str, Sequence[RunRow]], metric: Metric, seeds: Collection[int], asked: Collection[int]
) -> Chosen:
    """The training that is best on held-out images, with what it reaches on the test set."""
    held_out = held_out_runs(cells, found, seeds, asked)
    specs = [variant[0] for variant in cells.variants]
    chosen = winner(cells, held_out, metric)
    if chosen is None:
        waiting = [row for runs in held_out for row in runs.rows if not finished(row)]
        missing = sum(runs.wanted - len(runs.rows) for runs in held_out)
        runs = Replicates(rows=tuple(waiting), seeds=tuple(range(len(waiting) + missing)))
        return Chosen(cells=cells, runs=runs, candidates=held_out, spec=specs[0])
    runs = _replicates(cells.variants[chosen], found, seeds, asked)
    settings = _settings(specs)
    way = "lowest" if metric.lower else "highest"
    split = cells.selection[chosen][0].recipe.val_split
    return Chosen(
        cells=cells,
        runs=runs,
        candidates=(*held_out, runs),
        spec=specs[chosen],
        note=(
            f"{settings[chosen]} of {comma_join(settings)}: the {way} mean {metric.words} on images held out of the "
            f"training set (val_split={split:g}); trained again on all of them"
        ),
        rule=f"{_rule(specs)} on held-out images",
    )


def _best(means: Sequence[tuple[float, int]], metric: Metric) -> int:
    """The position of the best mean, of equals the first."""
    best = min(means) if metric.lower else max(means, key=lambda item: (item[0], -item[1]))
    return best[1]


def _rule(specs: Sequence[RunSpec]) -> str:
    if len(specs) == 2:
        return f"the better of {' and '.join(_settings(specs))}"
    return f"the best of {len(specs)} trainings"


def _replicates(
    variant: Sequence[RunSpec],
    found: Mapping[str, Sequence[RunRow]],
    seeds: Collection[int],
    asked: Collection[int],
) -> Replicates:
    rows = rows_of(variant, found)
    wanted = seeds or {*asked, *(row.seed for row in rows)} or {spec.seed for spec in variant}
    return of_versions(rows, {spec.id for spec in variant}, wanted)


def _note(specs: Sequence[RunSpec], chosen: int, candidates: Sequence[Replicates], metric: Metric) -> str:
    settings = _settings(specs)
    missing = [name for name, runs in zip(settings, candidates, strict=True) if len(runs.values(metric)) < runs.wanted]
    held_out = specs[chosen].recipe.val_split > 0
    where = "images held out of the training set" if held_out else "the test set"
    way = "lowest" if metric.lower else "highest"
    return f"{settings[chosen]} of {comma_join(settings)}: the {way} mean {metric.words} on {where}" + (
        f"; not all done: {comma_join(missing)}" if missing else ""
    )


def _settings(specs: Sequence[RunSpec]) -> list[str]:
    """Each one's values of the fields in which they differ: `lr=0.1`."""
    recipes = [vars(spec.recipe) for spec in specs]
    differing = [name for name in recipe_fields() if len({recipe[name] for recipe in recipes}) > 1]
    return [" ".join(f"{name}={format_value(recipe[name])}" for name in differing) for recipe in recipes]
