"""Successive halving: all samples of a module are trained briefly, and only its best ones longer.

Each rung is a training of its own, from the start and with its schedule shortened in proportion, so that no run is left
half trained and a learning rate that decays late is not taken for a bad one. The rungs depend on nothing but the number
of samples and the factor: they are the same for every module, and a module loses samples to its own ones only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def samples(axes: Axes, search: Search, results: Sequence[Result]) -> Expansion:
    """The runs of all rungs so far, and of the next one of each module whose samples have all ended."""
    outcomes = {_alike(result.spec): result for result in results}
    cells = list(cells_of(axes))
    for cell in cells:
        for sample in range(cell.wanted(search.samples)):
            if not draw(cell, search, sample):
                break
        if cell.dimensions and cell.specs:
            cell.specs = _climbed(cell, search, outcomes)
    return expansion_of(cells)


def _climbed(cell: Cell, search: Search, outcomes: Mapping[str, Result]) -> list[list[RunSpec]]:
    """The trainings of a cell's samples, rung by rung."""
    found: list[list[RunSpec]] = []
    staying: Sequence[Sequence[RunSpec]] = cell.specs
    for count, divisor in search.rungs:
        if found:
            below = zip(staying, found[-len(staying) :], strict=True)
            ended = [(specs, outcome) for specs, last in below if (outcome := outcomes.get(_alike(last[0])))]
            if len(ended) < len(staying) or not all(outcome.ended for _, outcome in ended):
                return found
            staying = [specs for specs, _ in sorted(ended, key=lambda item: _order(item[1]))[:count]]
        found += [[replace(spec, recipe=shortened(spec.recipe, divisor)) for spec in specs] for specs in staying]
    return found


def _alike(spec: RunSpec) -> str:
    """What the runs of a sample have in common, whatever their seeds and initial weights."""
    return replace(spec, init="", origin=None).family


def _order(outcome: Result) -> float:
    """The best first; those without a value last. Of equals the first sample stays."""
    if outcome.value is None:
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
