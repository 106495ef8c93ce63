"""Charts made from runs: which of them are one point, and what the lines are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from attnctl.db import RunRow
from attnctl.db.rows import MetricRow
from attnctl.lifecycle.state import State
from attnctl.metrics import LOSSES
from attnctl.reports import naming
from attnctl.reports.display_names import PLAIN, DisplayNames
from attnctl.reports.figures.data import Axis, Chart, Point, Reached, Series
from attnctl.reports.figures.points import (
    completed,
    grouped,
    level,
    mean,
    means,
    metric_axis,
    states,
    unit_of,
    value_axis,
    with_front,
)
from attnctl.reports.speeds import milliseconds, of_runs
from attnctl.units import quantity
from attnctl.values import Scalar, SpecError, did_you_mean, format_value
from attnctl.workspace.records import Speed

LATENCY = "latency"

COSTS = {"params": "parameters", "macs": "MACs", LATENCY: "latency"}
"""What can stand at the x axis of a scatter plot, and its title."""

EPOCH = "epoch"

MOST_CURVES = 20
"""In one figure: more of them cannot be told apart."""

Histories = Callable[[str], Sequence[MetricRow]]
"""Gives all values of a run by its id: `Index.history`."""


def settings(rows: Sequence[RunRow]) -> dict[str, set[Scalar]]:
    """The hyperparameters and recipe fields of these runs, with the values that each has."""
    found: dict[str, set[Scalar]] = defaultdict(set)
    for row in rows:
        for name, value in (*row.recipe.items(), *row.hyperparameters.items()):
            found[name].add(value)
    return found


def over_setting(rows: Sequence[RunRow], x: str, y: str, display: DisplayNames = PLAIN) -> Chart:
    """A hyperparameter or recipe field against a metric of the last epoch, with error bars over the seeds.

    Of a hyperparameter, runs that do not have it become levels: the plain backbone. Raises SpecError when it is none's,
    does not vary, is not numeric, or nothing is done.
    """
    _check_varies(rows, x)
    own = any(x in row.hyperparameters for row in rows)
    done = completed(rows, y)
    values = {row.id: _number(row, x) for row in done if not own or x in row.hyperparameters}
    if not values:
        raise SpecError(f"nothing to draw: no run with {x} is completed: {states(rows)}")
    keys = naming.keys(done, {x})
    names = naming.names(set(keys.values()), display)
    swept = grouped([row for row in done if row.id in values], keys)
    plain = grouped([row for row in done if row.id not in values], keys)
    return Chart(
        kind="sweep",
        x=value_axis(x, sorted(set(values.values()))),
        y=metric_axis(y),
        series=tuple(
            Series(name=names[key], points=means(members, lambda row: values[row.id], y)) for key, members in swept
        ),
        levels=tuple(level(names[key], members, y) for key, members in plain),
    )


def over_epochs(
    rows: Sequence[RunRow],
    histories: Histories,
    y: str,
    targets: Sequence[float] = (),
    display: DisplayNames = PLAIN,
) -> Chart:
    """A metric over the epochs, the mean and spread over the seeds that have come to each. Raises SpecError.

    targets: values of the metric of which the first epoch is looked for.
    """
    keys = naming.keys(rows)
    if (count := len(set(keys.values()))) > MOST_CURVES:
        raise SpecError(
            f"{count} curves are too many for one figure, at most {MOST_CURVES}; name a sweep, or choose runs with "
            "--module or --tag"
        )
    names = naming.names(set(keys.values()), display)
    series = [curve(names[key], members, histories, y) for key, members in grouped(rows, keys)]
    if not any(item.points for item in series):
        raise SpecError(f"no run has {y} for any epoch: {states(rows)}")
    return of_curves([item for item in series if item.points], y, targets)


def curve(name: str, rows: Sequence[RunRow], histories: Histories, y: str) -> Series:
    """The mean of some runs over the epochs; without points where none has the metric yet."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        for item in histories(row.id):
            if item.name == y:
                found[item.epoch][row.id] = item.value
    return Series(name=name, points=tuple(mean(float(epoch), values) for epoch, values in sorted(found.items())))


def of_curves(series: Sequence[Series], y: str, targets: Sequence[float] = ()) -> Chart:
    """The chart of some curves, with the epochs to each target."""
    return Chart(
        kind="curves",
        x=Axis(name=EPOCH, title=EPOCH),
        y=metric_axis(y),
        series=tuple(series),
        targets=tuple(targets),
        reached=tuple(_reached(item, target, y) for item in series for target in targets),
    )


def latencies(rows: Sequence[RunRow], speeds: Sequence[Speed]) -> tuple[Mapping[str, float], str]:
    """Milliseconds for an image by run id, as `attnctl bench` measured them, and in words under which conditions."""
    fps, conditions = of_runs(rows, speeds)
    return milliseconds(fps), conditions


def over_costs(
    rows: Sequence[RunRow], x: str, y: str, display: DisplayNames = PLAIN, measured: Mapping[str, float] | None = None
) -> list[Chart]:
    """`over_cost` for each data set by itself: numbers of different data sets have no common front."""
    costs = _costs(rows, x, measured)
    sets = list(dict.fromkeys(row.dataset for row in completed(rows, y) if row.id in costs))
    if len(sets) < 2:
        return [over_cost(rows, x, y, display, measured)]
    panels = {name: [row for row in rows if row.dataset == name] for name in sets}
    return [
        replace(over_cost(members, x, y, display, measured), title=display.dataset(name))
        for name, members in panels.items()
    ]


def over_cost(
    rows: Sequence[RunRow], x: str, y: str, display: DisplayNames = PLAIN, measured: Mapping[str, float] | None = None
) -> Chart:
    """A metric of the last epoch against parameters, MACs or latency: a series per network. Raises SpecError.

    measured: the first of `latencies`, if x is that.
    """
    costs = _costs(rows, x, measured)
    done = [row for row in completed(rows, y) if row.id in costs]
    if not done and x == LATENCY:
        raise SpecError("no completed run has a latency; attnctl bench measures it, such as attnctl bench se,ela")
    if not done:
        raise SpecError(f"no completed run has recorded its {COSTS[x]}")
    keys = naming.keys(done)
    names = naming.names(set(keys.values()), display, places=False)
    sets = {row.dataset for row in done}
    places: dict[str, list[Point]] = defaultdict(list)
    for key, members in grouped(done, keys):
        values = dict(key)
        network = display.network(" ".join(filter(None, (values["model"], values["backbone"]))))
        where = network + (f" on {display.dataset(values['dataset'])}" if len(sets) > 1 else "")
        places[where] += [replace(point, name=names[key]) for point in means(members, lambda row: costs[row.id], y)]
    least = min(point.x for points in places.values() for point in points)
    unit, count = unit_of(least) if x != LATENCY else ("ms/image", 1.0)
    series = [
        Series(name=where, points=tuple(replace(point, x=point.x / count) for point in points))
        for where, points in places.items()
    ]
    return Chart(
        kind="scatter",
        x=Axis(name=x, title=f"{COSTS[x]} ({unit})" if unit else COSTS[x]),
        y=metric_axis(y),
        series=with_front(series, lower=y in LOSSES),
    )


def _costs(rows: Sequence[RunRow], x: str, measured: Mapping[str, float] | None) -> Mapping[str, float]:
    """The cost of each run for which it is known."""
    if x == LATENCY:
        return measured or {}
    return {row.id: value for row in rows if (value := getattr(row, x)) is not None}


def _check_varies(rows: Sequence[RunRow], x: str) -> None:
    known = settings(rows)
    if x not in known:
        varying = [*(name for name, values in known.items() if len(values) > 1), EPOCH, *COSTS]
        same = next((name for name in known if name.lower() == x.lower()), "")
        nearest = f"; did you mean {same!r}?" if same else did_you_mean(x, varying)
        raise SpecError(f"no run has {x!r}{nearest}")
    if len(known[x]) == 1:
        raise SpecError(f"{x} is {format_value(next(iter(known[x])))} in all of these runs, so it cannot be an axis")


def _number(row: RunRow, x: str) -> float:
    value = row.hyperparameters[x] if x in row.hyperparameters else row.recipe[x]
    try:
        return float(value)  # type: ignore[arg-type] # None is the error that follows
    except (TypeError, ValueError):
        raise SpecError(f"{x} is not numeric: run {row.id} has {x}={value}; choose another x") from None


def _reached(series: Series, target: float, y: str) -> Reached:
    """The first epoch whose mean is at the target or beyond."""
    for point in series.points:
        if point.y <= target if y in LOSSES else point.y >= target:
            return Reached(series=series.name, target=target, epoch=point.x)
    return Reached(series=series.name, target=target, epoch=None)


def progress(rows: Sequence[RunRow]) -> tuple[str, ...]:
    """A note when some of the runs are not done."""
    rest = [row for row in rows if row.state != State.COMPLETED]
    completed = f"{len(rows) - len(rest)} of {quantity(len(rows), 'run')}"
    return (f"completed: {completed}; the others: {states(rest)}",) if rest else ()
