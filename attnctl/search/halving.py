"""Successive halving: all samples of a module are trained briefly, and only its best ones longer.

If it is asynchronous, a sample goes on as soon as it is among the best of those that have ended, and no rung waits for
its last sample (ASHA: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, algorithm 2). There
more samples can go on than one in so many, as ranks change; here `Search.promoted` is also the most that may, so that
every module has the same number of trainings in each rung.

Each rung is a training of its own, from the start and with its schedule shortened in proportion, so that no run is left
half trained and a learning rate that decays late is not taken for a bad one. The rungs depend on nothing but the number
of samples and the factor: they are the same for every module, and a module loses samples to its own ones only.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from attnctl.grid import Axes, Expansion
from attnctl.search.results import Result
from attnctl.search.samples import Cell, cells_of, draw, expansion_of
from attnctl.spec import NONE, Recipe, RunSpec
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace.records import Search


def check(axes: Axes, search: Search) -> None:
    """Raise SpecError if there is nothing to halve."""
    if len(search.rungs) < 2:
        raise SpecError(f"--halving {search.halving} needs --samples {search.halving**2} or more")
    for name in ("epochs", "steps"):
        if len(axes.overrides.get(name, ())) > 1 or name in search.ranges:
            raise SpecError(f"--halving shortens trainings of one length; give --{name} one value")


def samples(axes: Axes, search: Search, results: Sequence[Result], recorded: Collection[str] = ()) -> Expansion:
    """The runs of all rungs so far, and those that follow from the results.

    recorded: ids of runs that were chosen before, of which there may be no result yet
    """
    outcomes = {_alike(result.spec): result for result in results}
    cells = list(cells_of(axes))
    for cell in cells:
        for sample in range(cell.wanted(search.samples)):
            if not draw(cell, search, sample):
                break
        if cell.dimensions and cell.specs:
            cell.specs = _climbed(cell, search, outcomes, recorded)
    return expansion_of(cells)


def _climbed(
    cell: Cell, search: Search, outcomes: Mapping[str, Result], recorded: Collection[str]
) -> list[list[RunSpec]]:
    """The trainings of a cell's samples, rung by rung."""

    def trainings(specs: Sequence[RunSpec], rung: int) -> list[RunSpec]:
        return [replace(spec, recipe=shortened(spec.recipe, search.rungs[rung][1])) for spec in specs]

    def chosen_before(specs: Sequence[RunSpec]) -> bool:
        return _alike(specs[0]) in outcomes or any(spec.id in recorded for spec in specs)

    staying: Sequence[Sequence[RunSpec]] = cell.specs
    size = len(staying)
    here = [trainings(specs, 0) for specs in staying]
    found = [*here]
    for rung in range(len(search.rungs) - 1):
        results = [outcomes.get(_alike(runs[0])) for runs in here]
        above = [trainings(specs, rung + 1) for specs in staying]
        ended = sum(result is not None and result.ended for result in results)
        known = [chosen_before(runs) for runs in above]
        free = search.promoted(rung, size, ended) - sum(known)
        chosen = []
        for k in sorted(range(len(staying)), key=lambda k: _order(results[k])):
            result = results[k]
            if known[k]:
                chosen.append(k)
            elif free > 0 and result is not None and result.ended and (ended == size or result.value is not None):
                chosen.append(k)
                free -= 1
        staying, here = [staying[k] for k in chosen], [above[k] for k in chosen]
        found += here
        size = min(size, search.rungs[rung + 1][0])
    return found


def _alike(spec: RunSpec) -> str:
    """What the runs of a sample have in common, whatever their seeds and initial weights."""
    return replace(spec, init="", origin=None).family


def _order(outcome: Result | None) -> float:
    """The best first; those without a value last. Of equals the first sample stays."""
    if outcome is None or outcome.value is None:
        return math.inf
    return outcome.value if outcome.lower else -outcome.value


def shortened(recipe: Recipe, divisor: int) -> Recipe:
    """A training so many times shorter, with its schedule. Raises SpecError if the recipe is too short for that."""
    if divisor == 1:
        return recipe
    length, unit = (recipe.epochs, "epoch") if recipe.epochs else (recipe.steps, "step")
    if length < divisor:
        raise SpecError(
            f"--halving trains the first rung for 1/{divisor} of {quantity(length, unit)}; "
            f"train longer, or take fewer samples or a smaller factor"
        )

    def part(number: int) -> int:
        return round(number / divisor)

    milestones = sorted({max(1, part(number)) for number in recipe.milestone_epochs()})
    return replace(
        recipe,
        epochs=part(recipe.epochs),
        steps=part(recipe.steps),
        warmup_epochs=round(recipe.warmup_epochs / divisor, 4),
        warmup_steps=part(recipe.warmup_steps),
        step_epochs=max(1, part(recipe.step_epochs)) if recipe.schedule == "step" else recipe.step_epochs,
        milestones="+".join(map(str, milestones)) if milestones else NONE,
        no_aug_epochs=part(recipe.no_aug_epochs),
    )
