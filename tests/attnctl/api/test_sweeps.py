"""Training from a program, with networks that are really trained."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import pytest

import attnctl


def test_a_sweep_trains_its_runs_and_gives_their_state(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = attnctl.sweep(["none", "ela"], workspace=folder / "work", dry_run=True, kernel=[5, 7], seed=range(2))
    assert not (folder / "work").exists()
    assert len(planned.runs) == 6
    work = folder / "work"
    done = attnctl.sweep(
        "none", workspace=work, name="first", run_on="local", epochs=1, input_size=8, batch=256, norm_batch=256
    )
    assert_type(done, attnctl.Sweep)
    assert (done.name, len(done.runs)) == ("first", 1)
    (run,) = done.status()
    assert (run.id, run.state, run.seed, run.step, run.steps) == (done.runs[0], "completed", 0, 5, 5)
    assert 0 < run.metrics["top1"] < 100
    assert capsys.readouterr().out == ""
    found = attnctl.status(folder / "work", "first")
    assert_type(found, attnctl.Status)
    assert (found[0], len(found), found.counts) == (run, 1, {"completed": 1})
    table = found.to_pandas()
    assert (table.loc[run.id, "state"], table.loc[run.id, "top1"]) == ("completed", run.metrics["top1"])
    assert f"<td>{run.id[:8]}</td>" in found._repr_html_()


def test_an_invalid_request_raises_and_writes_nothing(folder: Path) -> None:
    with pytest.raises(ValueError, match="unknown module 'elaa'"):
        attnctl.sweep("elaa", workspace=folder / "work")
    with pytest.raises(ValueError, match="kernel must be odd"):
        attnctl.sweep("ela", kernel=4, workspace=folder / "work", run_on="local")
    with pytest.raises(ValueError, match="does not exist"):
        attnctl.status(folder / "work")
    assert list(folder.iterdir()) == []
