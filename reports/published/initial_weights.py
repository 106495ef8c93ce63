"""From which weights the rows of a paper's table start, where these are runs or files of the user's: footnotes."""

from __future__ import annotations

from collections.abc import Mapping

from attnctl import models
from attnctl.db import RunRow
from attnctl.metrics import BY_KEY, deciding
from attnctl.reports.published.candidates import Chosen
from attnctl.spec import Start
from attnctl.values import SpecError, comma_join, first_of

_NAMED = 3
"""The maximum number of runs that a footnote names."""


def footnotes(chosen: Mapping[tuple[str, str], Chosen]) -> Mapping[str, str]:
    """Row -> from which runs those of it start, with what they are and reached. chosen: by row and column.

    Rows without runs, and rows that do not start from runs, have none.
    """
    bases: dict[str, dict[str, RunRow | None]] = {}
    for (name, _), item in chosen.items():
        for row in item.runs.rows:
            if run := Start.of(row.init).run:
                bases.setdefault(name, {})[run] = row.base
    return {name: _words(found) for name, found in bases.items()}


def _words(bases: Mapping[str, RunRow | None]) -> str:
    """Such as `starts from run 22f3c6db (ean G=16, mobilenext, digits, top-1 71.20)`."""
    known = [base for base in bases.values() if base is not None]
    what = dict.fromkeys(comma_join([base.label, base.network, base.dataset]) for base in known)
    details = f" ({comma_join(filter(None, [*what, _reached(known)]))})" if known else ""
    return f"starts from {'run' if len(bases) == 1 else 'runs'} {first_of([run[:8] for run in bases], _NAMED)}{details}"


def _reached(bases: list[RunRow]) -> str:
    """The metric that decides, in the last epoch; of several runs the mean."""
    for name in _deciding(bases[0]) if bases else ():
        values = [base.metrics[name] for base in bases if name in base.metrics]
        if values:
            mean = "mean " if len(values) > 1 else ""
            return f"{mean}{BY_KEY[name].label} {sum(values) / len(values):.2f}"
    return ""


def _deciding(base: RunRow) -> tuple[str, ...]:
    try:
        return deciding(models.task(base.model))
    except SpecError:  # a model that this attnctl does not have
        return ()
