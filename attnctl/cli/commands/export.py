"""`attnctl export`: runs with their metrics, for other programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from attnctl.cli import completion, context, output, output_files
from attnctl.cli.option_groups import Shown
from attnctl.cli.run_filter import RunFilter, narrowed
from attnctl.cli.run_selection import chosen
from attnctl.files import made_aside, write_atomic
from attnctl.settings.config import Config
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join
from attnctl.workspace.records import RecordError

if TYPE_CHECKING:
    from attnctl.lifecycle.run_history import RunHistory
    from attnctl.reports.exchange.metrics import Values

Format = Literal["csv", "json", "tensorboard", "wandb"]

_CHUNK = 1000
"""Runs that are read from the index at a time."""

ENDINGS: dict[str, Format] = {".csv": "csv", ".json": "json"}


def export(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP|RUN",
            help="Sweeps or runs (default: all runs).",
            autocompletion=completion.runs_and_sweeps,
        ),
    ] = None,
    *,
    format: Annotated[  # noqa: A002 (the option's name)
        Format | None,
        typer.Option("--format", "-f", help="Output format (default: from the -o suffix).", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Output file, or folder for tensorboard and wandb (default: standard output).",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        bool, typer.Option("--steps", help="Also the loss and speed between evaluations, as step_loss and so on.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    kept: Annotated[RunFilter, Shown()],
) -> None:
    """Export metrics to CSV, JSON, TensorBoard or wandb.

    Works at any time, also while runs train; export again to get later values. A step that was trained more than once
    has the values of the newest attempt.

    Examples:
        attnctl export -o metrics.csv
        attnctl export ela-digits --format tensorboard -o tb --steps
        attnctl export --module ela,se --state completed -o metrics.csv
    """
    chosen_format = _format(format, file)
    if chosen_format in {"tensorboard", "wandb"}:
        folder = _folder(chosen_format, file, force=force)
        runs = _Runs(context.config(), targets or (), kept, steps=steps)
        _write_folder(chosen_format, folder, runs)
    elif file is not None:
        output_files.check_file(file, force=force)
        runs = _Runs(context.config(), targets or (), kept, steps=steps)
        with made_aside(file) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
            runs.write_text(chosen_format, stream)
        output.note(f"written: {file} ({runs.summary()})")
    else:
        _Runs(context.config(), targets or (), kept, steps=steps).write_text(chosen_format, sys.stdout)


def _format(named: Format | None, file: Path | None) -> Format:
    if named is not None:
        return named
    if file is not None and file.suffix.lower() in ENDINGS:
        return ENDINGS[file.suffix.lower()]
    raise SpecError(f"missing --format: one of {comma_join(('csv', 'json', 'tensorboard', 'wandb'))}")


def _folder(chosen_format: Format, file: Path | None, *, force: bool) -> Path:
    if file is None:
        raise SpecError(f"{chosen_format} writes a folder; missing -o FOLDER")
    output_files.check_folder(file, force=force)
    if chosen_format == "tensorboard":
        from attnctl.reports.exchange import tensorboard

        tensorboard.check()
    else:
        from attnctl.reports.exchange import wandb

        wandb.check()
    return file


class _Runs:
    """The selected runs, read one after the other. Prints and skips the runs that cannot be read."""

    def __init__(self, config: Config, targets: Sequence[str], kept: RunFilter, *, steps: bool) -> None:
        from attnctl.lifecycle.run_history import Histories

        self._workspace, self._steps = config.workspace, steps
        self._histories = Histories(self._workspace)
        self._ids = narrowed(config, chosen(config.workspace, targets), kept)
        self.written: list[str] = []

    def __iter__(self) -> Iterator[RunHistory]:
        for run in output_files.tracked(self._ids, "exporting"):
            history = self._read(run)
            if history is not None:
                yield history
        self._check_written()

    def _read(self, run: str) -> RunHistory | None:
        """A run, from its folder; None if it cannot be read, which is said."""
        from attnctl.lifecycle import step_history

        try:
            history = self._histories.read(run)
        except RecordError as error:
            output.note(f"left out: {error}")
            return None
        for problem in history.problems:
            output.note(f"run {run}: {problem}")
        self.written.append(run)
        return step_history.with_steps(history, self._workspace.run(run)) if self._steps else history

    def _check_written(self) -> None:
        if not self.written:
            raise SpecError("none of these runs could be read")

    def _values(self) -> Iterator[Values]:
        """The values of the runs: from the index, if it proves that it has all of them; else from their folders."""
        from attnctl.reports.exchange.metrics import values_of

        found: dict[str, Values] = {}
        for number, run in enumerate(output_files.tracked(self._ids, "exporting")):
            if number % _CHUNK == 0 and not self._steps:
                found = self._indexed(self._ids[number : number + _CHUNK])
            if run in found:
                self.written.append(run)
                yield found[run]
            elif (history := self._read(run)) is not None:
                yield values_of(history)
        self._check_written()

    def _indexed(self, ids: Sequence[str]) -> dict[str, Values]:
        """The values of those of these runs whose folders are as the index read them."""
        from attnctl.db.location import location
        from attnctl.reports.exchange.metrics import Values

        if not location(self._workspace).exists():
            return {}
        try:
            with context.index() as index:
                settled = list(index.settled(ids))
                histories = index.histories(settled)
                rows = index.runs(settled)
        except SpecError:  # a torn index: the folders have all that is needed
            return {}
        return {
            row.id: Values(
                (row.id, row.label, row.module, row.network, row.dataset, row.seed),
                [(item.step, item.epoch, item.name, item.value, item.attempt) for item in histories.get(row.id, ())],
            )
            for row in rows
        }

    def write_text(self, chosen_format: Format, stream: TextIO) -> None:
        """Write the runs to a stream as CSV or JSON."""
        from attnctl.reports.exchange import metrics

        if chosen_format == "csv":
            metrics.write_csv(stream, self._values())
        else:
            metrics.write_json(stream, self)

    def summary(self) -> str:
        """The number of runs written and left out: `3 runs, 1 left out`."""
        skipped = len(self._ids) - len(self.written)
        return quantity(len(self.written), "run") + (f", {skipped} left out" if skipped else "")


def _write_folder(chosen_format: Format, folder: Path, runs: _Runs) -> None:
    with made_aside(folder) as aside:
        if chosen_format == "tensorboard":
            from attnctl.reports.exchange import tensorboard

            tensorboard.write(aside, runs)
        else:
            from attnctl.reports.exchange import wandb

            wandb.write(aside, runs)
        marker = json.dumps({"format": chosen_format, "runs": runs.written}, indent=1)
        write_atomic(aside / output_files.MARK, marker.encode() + b"\n")
    output.note(f"written: {folder} ({runs.summary()})")
    show = f"tensorboard --logdir {folder}" if chosen_format == "tensorboard" else f"wandb sync {folder}/offline-run-*"
    output.line(show)
