"""Runs and metrics as pandas frames, for notebooks: `attnctl.load()`."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import pandas as pd

from attnctl.db.index import Index, open_index
from attnctl.db.schema import VIEWS
from attnctl.settings.opened import opened
from attnctl.workspace import evaluations, predictions
from attnctl.workspace.evaluations import Evaluation


class Frames:
    """A workspace's results as they were when it was loaded (`metrics`: when it is first used)."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.location = index.location
        """The SQLite file."""

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run, by id: what was asked for, its state, and its results.

        Columns: those of the view `runs` (times in Unix seconds; `recipe_` before what the recipe asks for, where it
        would be called as what became of it); each hyperparameter under its own name, as whole numbers, numbers,
        booleans or text, with `hp_` before it where a column has that name; each metric of the last epoch as
        `last_<name>`, of the best as `best_<name>` (accuracies in percent).
        """
        runs = self._read("runs", "id").set_index("id")
        settings = self._read("hyperparameters", "run, name")
        results = self._read("results", "run, name")
        wide = settings.pivot(index="run", columns="name", values="value").apply(_typed)
        wide.columns = pd.Index([f"hp_{name}" if name in runs.columns else name for name in wide.columns])
        measured = [
            results.pivot(index="run", columns="name", values=kind).add_prefix(f"{kind}_") for kind in ("last", "best")
        ]
        return pd.concat([runs, wide, *measured], axis=1).reindex(runs.index).rename_axis("id")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every value: run, name, step, epoch, value, attempt, incarnation. Of a step trained twice, the later."""
        return self._read("metrics", "run, step, name")

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """What `attnctl eval` found, one row for each run, data set, corruption and severity.

        Columns: run, dataset, split, corruption, severity, images, step, and the metrics: top1, top5 and ece in
        percent, and loss.
        """
        rows = [
            {
                "run": run,
                "dataset": found.dataset,
                "split": found.split,
                "corruption": part.corruption,
                "severity": part.severity,
                "images": part.images,
                "step": found.step,
                **part.metrics,
            }
            for run, of_run in self._evaluations.items()
            for found in of_run
            for part in found.parts
        ]
        return pd.DataFrame(rows, columns=None if rows else ["run", "dataset", "split"])

    def predictions(self, run: str, dataset: str, split: str = "test") -> pd.DataFrame:
        """The prediction of each image that `attnctl eval --keep-predictions` kept: true, predicted, right, part.

        The rows of two runs are of the same images in the same order, for paired tests. part: the number of the
        corruption and severity, in the order of `evaluations`. Raises KeyError if none were kept.
        """
        for found in self._evaluations.get(run, ()):
            if (found.dataset, found.split) == (dataset, split):
                kept = predictions.read(self._index.workspace.run(run), found)
                if kept is not None:
                    names = dict(enumerate(found.classes))
                    true, predicted = (pd.Series(part).map(names) for part in (kept.labels, kept.predicted))
                    return pd.DataFrame({"true": true, "predicted": predicted, "right": kept.right, "part": kept.parts})
        raise KeyError(f"no predictions of run {run} on {dataset} ({split}) were kept")

    @cached_property
    def _evaluations(self) -> dict[str, list[Evaluation]]:
        return {run: evaluations.read(self._index.workspace.run(run)) for run in self.runs.index}

    def _read(self, view: str, order: str) -> pd.DataFrame:
        """The rows of a view as this code defines it: in somebody's file it could compute for ever."""
        with self._index.guarded() as store:
            query = f"SELECT * FROM ({VIEWS[view]}) ORDER BY {order}"  # noqa: S608
            return pd.read_sql_query(query, store.connection)


def _typed(texts: pd.Series[str]) -> pd.Series[Any]:
    """Hyperparameters as typed: a column of whole numbers, numbers or booleans becomes one, with NA where it lacks."""
    given = texts.dropna()
    if len(given) and given.isin(["true", "false"]).all():
        return (texts == "true").astype("boolean").mask(texts.isna())
    numbers = pd.to_numeric(given, errors="coerce")
    if not len(given) or numbers.isna().any():
        return texts
    whole = given.str.fullmatch(r"[+-]?\d{1,18}").all()
    return numbers.reindex(texts.index).astype("Int64" if whole else "Float64")


def load(workspace: str | os.PathLike[str] = ".") -> Frames:
    """The runs and metrics of a workspace as pandas frames.

    workspace: its folder. Raises ValueError with the reason if the folder is not a workspace.

    Example:
        results = attnctl.load("experiments")
        results.runs.groupby("module")["last_top1"].mean()
    """
    index = open_index(opened(workspace).workspace)
    index.refresh()
    return Frames(index)
