"""Runs as TensorBoard's event files, a folder each, with their hyperparameters for its HPARAMS page.

TensorBoard keeps a scalar as a 32-bit float, so of an accuracy some seven digits arrive.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl.lifecycle.run_history import RunHistory
from attnctl.reports.exchange import names
from attnctl.spec import RunSpec
from attnctl.values import Scalar, SpecError

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter


def check() -> None:
    """Raise SpecError when TensorBoard is not installed."""
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise SpecError(f"TensorBoard is not installed ({error}); pip install 'attnctl[tensorboard]'") from error


def write(folder: Path, histories: Iterable[RunHistory]) -> None:
    """Write a folder for each run into `folder`."""
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for history in histories:
        writer = EventFileWriter(str(folder / names.folder(history.spec)))
        try:
            _write_run(writer, history)
        finally:
            writer.close()


def _write_run(writer: EventFileWriter, history: RunHistory) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    began = history.started or history.verdict.since
    asked = hparams_pb(settings(history.spec), trial_id=history.spec.id, start_time_secs=began)
    writer.add_event(Event(wall_time=began, summary=asked))
    for item in history.steps:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in sorted(item.values.items())]
        values.append(Summary.Value(tag="epoch", simple_value=item.epoch))
        writer.add_event(Event(wall_time=item.at or began, step=item.step, summary=Summary(value=values)))


def settings(spec: RunSpec) -> dict[str, bool | int | float | str]:
    """All that was asked for, under one name each; a hyperparameter is `module.name`."""
    own = {f"{spec.module}.{name}": value for name, value in spec.hyperparameters}
    names = ("module", *(["model"] if spec.model else []), "backbone", "placement", "dataset", "seed")
    places = {name: getattr(spec, name) for name in names}
    return {name: _told(value) for name, value in {**places, **own, **vars(spec.recipe)}.items()}


def _told(value: Scalar) -> bool | int | float | str:
    return "none" if value is None else value
