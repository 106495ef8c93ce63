"""`attnctl cost`: the estimates of completed runs, as they were made, beside the measured times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import completion, context, output, run_selection
from attnctl.cli.table_layout import Column
from attnctl.units import duration, quantity

if TYPE_CHECKING:
    from attnctl.cost.predictions import Prediction
    from attnctl.spec import RunSpec

COLUMNS = (
    Column("module", settings=True, shrink=16),
    Column("network", once=True, shrink=16),
    Column("dataset", once=True, drop=2),
    Column("batch", once=True, drop=3),
    Column("epochs", once=True, drop=4),
    Column("runs", drop=5),
    Column("predicted"),
    Column("range"),
    Column("measured"),
    Column("error"),
    Column("source", free=True, drop=1),
)

_NAMES = {"measured": "shapes measured before", "scaled": "scaled from similar shapes", "counts": "counted operations"}


def cost(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP|RUN",
            help="Sweeps, or runs (ids or their first digits); default: all runs.",
            autocompletion=completion.runs_and_sweeps,
        ),
    ] = None,
    *,
    as_json: context.AsJson = False,
) -> int:
    """Compare the predicted time of runs with what it took.

    Each completed run that was never interrupted is predicted from what was measured before it was submitted, as
    `attnctl sweep --dry-run` did then. Runs of one submission, shape and length are one row. Times are from a run's
    first to its last event.

    Examples:
        attnctl cost
        attnctl cost first --json
    """
    from attnctl.cost import observations
    from attnctl.cost.predictions import accuracy, predictions

    config = context.config()
    names = [run_selection.target(config.workspace, word) for word in targets or ()]
    chosen = {run for target in names for run in target.runs} if targets else None
    with context.index() as index:
        index.refresh()
        found = observations(config.workspace, index)
        rows = index.runs(sorted({item.run for item in found if item.seconds}))
        specs: dict[str, RunSpec] = {row.id: row.spec for row in rows}
    made = predictions(found, specs, chosen)
    if as_json:
        document = {kind: vars(item) for kind, item in accuracy(made).items()}
        output.document({"predictions": [_as_json(item) for item in made], "accuracy": document})
        return 0
    if not made:
        output.prose("No run has completed without an interruption yet, so there is nothing to compare.")
        return 0
    output.table(COLUMNS, [_cells(item) for item in made])
    _summary(made)
    return 0


def _summary(made: Sequence[Prediction]) -> None:
    from attnctl.cost.predictions import accuracy

    for kind, item in accuracy(made).items():
        output.prose(
            f"{_NAMES[kind]}: median error {100 * item.error:.0f} % of {quantity(item.count, 'prediction')}; "
            f"{item.held} within the range"
        )


def _cells(item: Prediction) -> list[str]:
    shape, estimate, error = item.shape, item.estimate, item.error
    return [
        shape.label,
        f"{shape.model} {shape.backbone}".lstrip(),
        shape.dataset,
        str(shape.batch * item.machine.world),
        str(item.epochs),
        str(len(item.runs)),
        _time(estimate.likely) if estimate is not None else "unknown",
        f"{_time(estimate.low)} to {_time(estimate.high)}" if estimate is not None else "",
        _time(item.measured),
        f"{100 * error:+.0f} %" if error is not None else "",
        estimate.source if estimate is not None else "",
    ]


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else duration(seconds)


def _as_json(item: Prediction) -> dict[str, Any]:
    estimate = item.estimate
    return {
        "label": item.shape.label,
        "model": item.shape.model,
        "backbone": item.shape.backbone,
        "placement": item.shape.placement,
        "dataset": item.shape.dataset,
        "batch": item.shape.batch * item.machine.world,
        "epochs": item.epochs,
        "device": item.machine.device,
        "world": item.machine.world,
        "runs": list(item.runs),
        "seconds": estimate.likely if estimate is not None else None,
        "seconds_low": estimate.low if estimate is not None else None,
        "seconds_high": estimate.high if estimate is not None else None,
        "kind": estimate.kind if estimate is not None else None,
        "source": estimate.source if estimate is not None else None,
        "measured": item.measured,
        "error": item.error,
        "held": item.held,
    }
