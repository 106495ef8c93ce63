"""Runs as wandb's offline runs, which `wandb sync` sends where the user wants them. Nothing here uses the network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from attnctl.lifecycle.run_history import RunHistory
from attnctl.reports.exchange import names
from attnctl.values import SpecError

PROJECT = "attnctl"


def check() -> None:
    """Raise SpecError when wandb is not installed."""
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # it would send its own faults home
    try:
        import wandb  # noqa: F401
    except ImportError as error:
        raise SpecError(f"wandb is not installed ({error}); pip install 'attnctl[wandb]'") from error


def write(folder: Path, histories: Iterable[RunHistory]) -> None:
    """Write a folder `offline-run-...` for each run into `folder`; the run has attnctl's id there, too."""
    import wandb

    folder.mkdir()
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    try:
        for history in histories:
            _write_run(folder, history, settings)
    finally:
        wandb.teardown()
    _tidy(folder)


def _write_run(folder: Path, history: RunHistory, settings: object) -> None:
    import wandb

    spec = history.spec
    run = wandb.init(
        mode="offline",
        dir=folder,
        project=PROJECT,
        id=spec.id,
        name=names.title(spec),
        group=f"{spec.network} {spec.dataset}",
        config={**spec.to_json(), "state": str(history.verdict.state)},
        settings=settings,  # type: ignore[arg-type]
    )
    for item in history.steps:
        at = {} if item.at is None else {"_timestamp": item.at}
        run.log({**item.values, "epoch": item.epoch, **at}, step=item.step)
    run.finish()


def _tidy(folder: Path) -> None:
    """Leave the runs alone: wandb's own logs tell of this machine, and its links point to where the folder was made."""
    for run in (folder / "wandb").glob("offline-run-*"):
        shutil.rmtree(run / "logs", ignore_errors=True)
        shutil.rmtree(run / "tmp", ignore_errors=True)
        run.rename(folder / run.name)
    shutil.rmtree(folder / "wandb", ignore_errors=True)
