"""Of a row whose recipe lists several values, the training that counts: the one with the highest mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from attnctl.db import RunRow
from attnctl.papers.runs import Cells
from attnctl.reports.replicates import Metric, Replicates, of_versions, rows_of
from attnctl.spec import RunSpec, recipe_fields
from attnctl.values import comma_join, format_value


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
    best = min(means) if metric.lower else max(means, key=lambda item: (item[0], -item[1]))
    chosen = best[1]
    specs = [variant[0] for variant in cells.variants]
    rule = (
        f"the better of {' and '.join(_settings(specs))}" if len(specs) == 2 else f"the best of {len(specs)} trainings"
    )
    return Chosen(
        cells=cells,
        runs=candidates[chosen],
        candidates=candidates,
        spec=specs[chosen],
        note=_note(specs, chosen, candidates, metric),
        rule=rule,
    )


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
