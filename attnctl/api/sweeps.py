"""`attnctl.sweep` and `attnctl.status`: training from a program, and the state of the runs."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attnctl.api import commands
from attnctl.cli import sweep_records
from attnctl.cli.refresh import take
from attnctl.db import RunRow, open_index
from attnctl.settings.opened import opened
from attnctl.values import Scalar, format_value

if TYPE_CHECKING:
    import pandas as pd

Values = Scalar | Iterable[Scalar]
"""One value, or several, which are an axis of the grid."""


@dataclass(frozen=True)
class RunStatus:
    """The state of one run.

    state: such as `completed`, `running` or `timeout`. reason: why, if it did not simply complete. step, steps: trained
    and to train; None if not known yet. metrics: of the last evaluated epoch; accuracies in percent.
    """

    id: str
    label: str
    module: str
    network: str
    dataset: str
    placement: str
    seed: int
    state: str
    reason: str
    step: int | None
    steps: int | None
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, row: RunRow) -> RunStatus:
        """The state of a row of the index."""
        return cls(
            id=row.id,
            label=row.label,
            module=row.module,
            network=row.network,
            dataset=row.dataset,
            placement=row.placement,
            seed=row.seed,
            state=str(row.state),
            reason=row.reason,
            step=row.step,
            steps=row.steps,
            metrics=dict(row.metrics),
        )


@dataclass(frozen=True)
class Status(Sequence[RunStatus]):
    """The runs of a sweep or workspace, in order; a table in notebooks.

    unavailable: why SLURM could not be asked; None if it was, or if no run depends on it.
    """

    runs: tuple[RunStatus, ...]
    unavailable: str | None = None

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, position: int) -> RunStatus:  # type: ignore[override]
        return self.runs[position]

    def __iter__(self) -> Iterator[RunStatus]:
        return iter(self.runs)

    @property
    def counts(self) -> dict[str, int]:
        """How many runs are in each state, most frequent first."""
        return dict(Counter(run.state for run in self.runs).most_common())

    def to_pandas(self) -> pd.DataFrame:
        """One row a run, by id; the metrics have columns of their own."""
        import pandas as pd

        if not self.runs:
            return pd.DataFrame(index=pd.Index([], name="id"))
        rows = [{**vars(run), **run.metrics} for run in self.runs]
        return pd.DataFrame(rows).drop(columns="metrics").set_index("id")

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        head = ("run", "module", "network", "data set", "seed", "state", "step", "metrics")
        rows = [
            (
                run.id[:8],
                run.label,
                run.network,
                run.dataset,
                str(run.seed),
                f"{run.state}: {run.reason}" if run.reason else run.state,
                f"{run.step or 0}/{run.steps}" if run.steps else "",
                ", ".join(f"{name} {value:.4g}" for name, value in run.metrics.items() if name in _SHOWN),
            )
            for run in self.runs
        ]
        lines = [_line("th", head), *(_line("td", row) for row in rows)]
        return f"<table>{''.join(lines)}</table>"


_SHOWN = ("top1", "ap", "map", "miou", "loss")


def _line(tag: str, texts: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts) + "</tr>"


@dataclass(frozen=True)
class Sweep:
    """The runs that a call of `attnctl.sweep` asked for.

    name: of the sweep; empty if nothing was missing, or nothing was to be written. runs: the ids of its runs.
    messages: what the command said, one line each.
    """

    workspace: Path
    name: str
    runs: tuple[str, ...]
    messages: tuple[str, ...] = field(default=(), repr=False)

    def status(self) -> Status:
        """The present state of its runs."""
        found = {run.id: run for run in status(self.workspace)}
        return Status(tuple(found[run] for run in self.runs if run in found))


def sweep(
    modules: str | Sequence[str] | None = None,
    *,
    workspace: str | os.PathLike[str] = ".",
    name: str | None = None,
    run_on: Literal["auto", "slurm", "local"] = "auto",
    dry_run: bool = False,
    retry_failed: bool = False,
    wait: bool = False,
    parameters: Mapping[str, Values] | None = None,
    **settings: Values,
) -> Sweep:
    """Train the missing runs of a grid, as `attnctl sweep` does; creates the workspace if it does not exist.

    modules: such as "ela" or ["none", "ela", "./mine.py:Gate"]; without it `table`, such as "ela:5", says which rows
    of a paper to train.
    name: of the sweep.
    run_on: on this machine the function returns when all runs have ended; on SLURM it returns at once unless `wait` is
    set.
    parameters: hyperparameters of one of several modules, such as {"an.K": [5, 10]}.
    settings: all other options of the command by their names, with one value or several: dataset, backbone, model,
    placement, seed, hyperparameters such as kernel, recipe fields such as epochs, and resources such as partition.

    Raises ValueError with the reason if the request is invalid; runs that fail raise nothing, and `status` shows them.

    Example:
        gates = attnctl.sweep("none,ela", kernel=[5, 7], seed=range(3), epochs=2, workspace="experiments")
        print(gates.status().counts)
    """
    given = [] if modules is None else [modules if isinstance(modules, str) else ",".join(modules)]
    words = ["sweep", *given, f"--run-on={run_on}"]
    words += [f"--name={name}"] if name is not None else []
    flags = {"--dry-run": dry_run, "--retry-failed": retry_failed, "--wait": wait}
    words += [flag for flag, given in flags.items() if given]
    for key, values in (parameters or {}).items():
        words += ["-p", f"{key}={_text(values)}"]
    words += [f"--{key.replace('_', '-')}={_text(values)}" for key, values in settings.items()]
    answer = commands.run(words, workspace)
    document = answer.document
    runs = tuple(str(run["id"]) for run in document.get("runs", ()))
    return Sweep(Path(workspace), str(document.get("sweep") or ""), runs, answer.messages)


def _text(values: Values) -> str:
    """Values as a comma list."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return format_value(values)
    return ",".join(map(format_value, values))


def status(workspace: str | os.PathLike[str] = ".", sweep: str | None = None) -> Status:
    """The present state of the runs of a workspace, or of one sweep; SLURM is asked if runs are on it.

    Raises ValueError with the reason if the folder is not a workspace or there is no such sweep.

    Example:
        for run in attnctl.status("experiments"):
            print(run.label, run.seed, run.state, run.metrics.get("top1"))
    """
    config = opened(workspace)
    ids = None if sweep is None else sweep_records.read(config.workspace, sweep).runs
    with open_index(config.workspace) as index:
        now = take(config, index, ids)
        return Status(tuple(RunStatus.of(row) for row in now.rows), now.unavailable)
