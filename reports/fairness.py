"""Whether rows that are compared were trained alike: each difference is told, at the rows and in a warning.

A table that compares modules says more than that when its rows also differ in the global batch, the norm batch, the
learning rate or any other field of the recipe, the device, the seeds, the version of the code, the weights they began
with, how one of several trainings was chosen, where the module is, or whether it stands beside or instead of a layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from attnctl.backbones.places import REPLACE
from attnctl.db import RunRow
from attnctl.spec import NO_MODULE, recipe_fields, recipe_types
from attnctl.values import Scalar, comma_join, format_value

NAMES = {
    "batch": "global batch",
    "norm_batch": "norm batch",
    "lr": "learning rate",
    "augment": "augmentation",
}
"""Fields of the recipe that papers call otherwise."""

PLACEMENT = "placement"

WAY = "way of attention"
"""Whether a module stands beside or instead of a layer."""

RECIPE = frozenset(NAMES.get(name, name) for name in recipe_fields())
"""The subjects that are fields of the recipe."""

_OF_THE_NETWORK = ("model", "backbone", "dataset", "loop", "recipe")
"""The parts of the code that all rows of a group share; a module's own version is no difference in training."""


@dataclass(frozen=True)
class Compared:
    """A row that is held against the others of its group.

    chosen: how one of several trainings was chosen; empty: there was one
    """

    name: str
    runs: Sequence[RunRow]
    chosen: str = ""


@dataclass(frozen=True)
class Difference:
    """rows: name -> what a footnote there says. warning: one line for all of them."""

    rows: Mapping[str, str]
    warning: str


def differences(rows: Sequence[Compared], without: Collection[str] = ()) -> list[Difference]:
    """In what the rows of a group differ beside the module. The first is what the others are held against.

    Rows without runs are left out. without: subjects that the table tells anyway.
    """
    starts = _starts([row for row in rows if row.runs])
    facts = {row.name: _facts(row, starts[row.name], without) for row in rows if row.runs}
    subjects = dict.fromkeys(subject for found in facts.values() for subject in found)
    return [found for subject in subjects if (found := _difference(subject, facts)) is not None]


def _difference(subject: str, facts: Mapping[str, Mapping[str, str]]) -> Difference | None:
    values = {name: found[subject] for name, found in facts.items() if subject in found}
    if len(set(values.values())) < 2:
        return None
    first = next(iter(values))
    # The plain backbone stands first. Where it does not have the subject at all, most rows tell what is usual.
    usual = values[first] if len(values) == len(facts) else Counter(values.values()).most_common(1)[0][0]
    like = next(name for name, value in values.items() if value == usual)
    having: dict[str, list[str]] = {}
    for name, value in values.items():
        having.setdefault(value, []).append(name)
    return Difference(
        rows={name: f"{subject}: {value}; {like}: {usual}" for name, value in values.items() if value != usual},
        warning=f"not the same {subject}: " + "; ".join(f"{value} ({_some(names)})" for value, names in having.items()),
    )


def _some(names: Sequence[str]) -> str:
    return comma_join(names) if len(names) <= 3 else f"{comma_join(names[:2])} and {len(names) - 2} more"


def _facts(row: Compared, start: Mapping[str, str], without: Collection[str]) -> dict[str, str]:
    """Subject -> words. What all replicates share by what they are is told by the first of them."""
    runs, first = row.runs, row.runs[0]
    found = _recipe(first) if RECIPE - set(without) else {}
    found["device"] = _several(run.device or "unknown" for run in runs)
    found["seeds"] = comma_join(sorted({run.seed for run in runs}))
    found["code"] = _several(_code(run) for run in runs)
    found.update(start)
    found["selection"] = row.chosen or "one training"
    if first.module != NO_MODULE:
        found[PLACEMENT] = first.placement.removeprefix(REPLACE) or f"those of {first.module}"
        found[WAY] = "in the place of a layer" if first.placement.startswith(REPLACE) else "inserted"
    return {subject: words for subject, words in found.items() if subject not in without}


def _recipe(run: RunRow) -> dict[str, str]:
    recipe = run.recipe
    return {
        NAMES.get(name, name): format_value(_as_declared(name, recipe[name]))
        for name in recipe_fields()
        if name in recipe
    }


def _as_declared(name: str, value: Scalar) -> Scalar:
    """The database holds true as 1."""
    return bool(value) if recipe_types()[name] is bool else value


def _several(words: Iterable[str]) -> str:
    return comma_join(dict.fromkeys(words))


def _code(run: RunRow) -> str:
    parts = [part for part in run.versions.split(", ") if part.partition(" ")[0] in _OF_THE_NETWORK]
    return comma_join(parts) or "unknown"


def _starts(rows: Sequence[Compared]) -> dict[str, dict[str, str]]:
    """Row -> subject -> words: the weights that it starts from.

    If each row starts from a network with its own module, as in a chain of pre-training, not these runs are compared,
    but how they were trained.
    """
    firsts = {row.name: row.runs[0] for row in rows}
    bases = {
        name: base for name, run in firsts.items() if (base := run.base) is not None and _has_own_module(run, base)
    }
    if len(bases) < len(firsts):
        return {name: {"start": _start(run)} for name, run in firsts.items()}
    return {name: _own_start(base) for name, base in bases.items()}


def _has_own_module(run: RunRow, base: RunRow) -> bool:
    sides = [(side.module, side.placement, side.hyperparameters) for side in (run, base)]
    return sides[0] == sides[1]


def _own_start(base: RunRow) -> dict[str, str]:
    training = {f"{subject} of the start": words for subject, words in _recipe(base).items()}
    code = {"code of the start": _code(base)}
    return {"start": f"its own {base.network} on {base.dataset}, from {_start(base)}", **code, **training}


def _start(run: RunRow) -> str:
    return run.init or ("unknown" if run.module == "?" else "random weights")
