"""Bayesian search with optuna: the next samples of a module from the results of those that have ended.

optuna keeps no database: its study is rebuilt from the results each time.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attnctl import recipe_parts
from attnctl.grid import Axes, Expansion
from attnctl.search.ranges import Choice, Range
from attnctl.search.results import Result, key_of
from attnctl.search.sampled import values_of
from attnctl.search.samples import Cell, Dimension, cells_of, draw, expansion_of
from attnctl.values import Scalar, SpecError, format_value
from attnctl.workspace.records import Search

if TYPE_CHECKING:
    import optuna

ROUND = 5
"""Samples of a module that are chosen together. The first ones are random."""

_MOST_ASKED = 200
"""What optuna suggests may be a sample already, or one that the module cannot have."""


def check_installed() -> None:
    """Raise SpecError if optuna is not there."""
    if importlib.util.find_spec("optuna") is None:
        raise SpecError("--search bayes needs optuna: pip install 'attnctl[search]'")


def samples(axes: Axes, search: Search, results: Sequence[Result]) -> Expansion:
    """The runs of all rounds so far, and of the next one of each module whose samples have all ended.

    results: in the order of the samples
    """
    own = [kind for kind in recipe_parts.KINDS if any(map(recipe_parts.is_file, axes.overrides.get(kind, ())))]
    for name in axes.overrides:
        if recipe_parts.is_option(name) and name.partition(".")[0] in own:
            raise SpecError(f"--search bayes cannot choose {name} of your own code; use random or sobol")
    cells = list(cells_of(axes))
    for cell in cells:
        first = Cell(cell.axes, cell.dimensions)
        if draw(first, search, 0):
            key = key_of(first.specs[0][0])
            choose(cell, search, [result for result in results if key_of(result.spec) == key])
        else:
            cell.invalid += first.invalid
    return expansion_of(cells)


def choose(cell: Cell, search: Search, results: Sequence[Result]) -> None:
    """Give a cell its samples: those with results, and the next round once all of these have ended.

    A round that was recorded only in part is completed: the same results give the same suggestions. Raises SpecError if
    a module has too few different samples.
    """
    known = [result for result in results if _texts(cell, result).keys() == {item.name for item in cell.dimensions}]
    wanted = cell.wanted(search.samples)
    for first in range(0, wanted, ROUND):
        target = min(first + ROUND, wanted)
        before, here = known[:first], known[first:target]
        if not all(result.ended for result in before):
            return
        for result in here:
            cell.add(_texts(cell, result))
        if len(here) < target - first:
            _complete(cell, _chosen(cell, search, before, target), target)
            return


def _chosen(cell: Cell, search: Search, before: Sequence[Result], target: int) -> Cell:
    """The same network with the samples that follow from these results, whatever was recorded of them already."""
    whole = Cell(cell.axes, cell.dimensions)
    for result in before:
        whole.add(_texts(cell, result))
    if before:
        _ask(whole, search, before, target)
    else:
        for sample in range(target):
            draw(whole, search, sample)
    return whole


def _complete(cell: Cell, whole: Cell, target: int) -> None:
    """Give a cell those samples of the whole round that it lacks."""
    for specs in whole.specs:
        if len(cell.specs) < target and specs[0].id not in cell.ids:
            cell.ids |= {spec.id for spec in specs}
            cell.specs.append(specs)


def _texts(cell: Cell, result: Result) -> dict[str, str]:
    values = values_of(result.spec, [item.name for item in cell.dimensions])
    return {item.name: _text(item, values[item.name]) for item in cell.dimensions if item.name in values}


def _ask(cell: Cell, search: Search, before: Sequence[Result], target: int) -> None:
    """Add samples that optuna suggests until there are `target`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = ",".join([cell.module, *(item.name for item in cell.dimensions)])
    seed = int.from_bytes(hashlib.sha256(f"{search.seed}/{names}/{len(before)}".encode()).digest()[:4])
    study = optuna.create_study(
        direction="minimize" if before[0].lower else "maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=ROUND, constant_liar=True),
    )
    space = {item.name: _distribution(item.values) for item in cell.dimensions}
    for result in before:
        study.add_trial(_trial(cell, space, result))
    for _ in range(_MOST_ASKED):
        trial = study.ask(space)
        values = {item.name: _suggested(item.values, trial.params[item.name]) for item in cell.dimensions}
        if cell.add(values) is not None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        if len(cell.specs) >= target:
            return
    for sample in range(len(cell.specs), target):  # it suggests nothing else: a small space
        draw(cell, search, sample)


def _distribution(values: Range | Choice) -> optuna.distributions.BaseDistribution:
    from optuna import distributions

    if isinstance(values, Choice):
        return distributions.CategoricalDistribution(values.options)
    if values.is_whole:
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.is_log)
    return distributions.FloatDistribution(values.low, values.high, log=values.is_log)


def _trial(cell: Cell, space: Mapping[str, Any], result: Result) -> optuna.trial.FrozenTrial:
    """A result as optuna has it. A sample without a number, such as one that diverged, counts as failed."""
    from optuna.trial import TrialState, create_trial

    texts = _texts(cell, result)
    params = {item.name: _parameter(item, texts[item.name]) for item in cell.dimensions}
    done = result.value is not None
    return create_trial(
        params=params,
        distributions=dict(space),
        value=result.value,
        state=TrialState.COMPLETE if done else TrialState.FAIL,
    )


def _parameter(item: Dimension, text: str) -> Any:
    """A sampled value as optuna has it."""
    if isinstance(item.values, Choice):
        return text
    return int(text) if item.values.is_whole else float(text)


def _suggested(values: Range | Choice, suggestion: Any) -> str:
    """What is typed for a suggestion: a number has few digits, and lies in its range."""
    if isinstance(values, Choice):
        return str(suggestion)
    if values.is_whole:
        return format_value(int(suggestion))
    return format_value(min(max(values.rounded(float(suggestion)), values.low), values.high))


def _text(item: Dimension, value: Scalar) -> str:
    """A sampled value as it was typed: of a choice, the option that means it."""
    text = format_value(value)
    if isinstance(item.values, Choice):
        return next((option for option in item.values.options if _same(option, text)), text)
    return text


def _same(option: str, text: str) -> bool:
    try:
        return float(option) == float(text)
    except ValueError:
        return option == text
