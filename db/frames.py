"""Runs and metrics as pandas frames, for notebooks: `attnctl.load()`."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import pandas as pd

from attnctl.db.index import Index, open_index
from attnctl.settings.opened import opened


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
        runs = self._read("SELECT * FROM runs ORDER BY id").set_index("id")
        settings = self._read("SELECT run, name, value FROM hyperparameters")
        results = self._read("SELECT run, name, last, best FROM results")
        wide = settings.pivot(index="run", columns="name", values="value").apply(_typed)
        wide.columns = pd.Index([f"hp_{name}" if name in runs.columns else name for name in wide.columns])
        measured = [
            results.pivot(index="run", columns="name", values=kind).add_prefix(f"{kind}_") for kind in ("last", "best")
        ]
        return pd.concat([runs, wide, *measured], axis=1).reindex(runs.index).rename_axis("id")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every value: run, name, step, epoch, value, attempt, incarnation. Of a step trained twice, the later."""
        return self._read("SELECT * FROM metrics ORDER BY run, step, name")

    def _read(self, query: str) -> pd.DataFrame:
        with self._index.guarded() as store:
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
