"""What is said of searches that no job continues; tests/jobs/submission/test_next_rounds.py has more of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.stalled_searches import notes
from attnctl.grid import Axes
from attnctl.search import halving
from attnctl.search.samples import search_of
from attnctl.workspace import waiting_searches
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from attnctl.workspace.waiting_searches import WaitingSearch
from tests.reports.report_workspace import request, train

AXES = Axes(modules=("se",), overrides={"lr": ("log:1e-3..1e-1",), "epochs": ("2",)})


def test_a_search_whose_last_job_was_killed_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workspace, search = Workspace(tmp_path), search_of(AXES, "random", 4, 0, 2)
    specs = halving.samples(AXES, search, ()).specs
    sweep = Sweep(name="tuned", created=1.0, command=[], runs=[spec.id for spec in specs], search=search)
    workspace.sweeps.mkdir()
    workspace.sweep("tuned").write_bytes(sweep.encode())
    assert list(notes(workspace)) == []
    record = WaitingSearch(
        sweep="tuned",
        command=["sweep", "se", "--lr", "log:1e-3..1e-1", "--name", "tuned"],
        folder="/home/ada/my work",
        tag="attnctl-a",
        created=5.0,
        host="login",
        user="ada",
    )
    waiting_searches.write(workspace, record)
    for spec in specs[1:]:
        train(workspace, spec, 50.0)
    request(workspace, specs[0])
    assert list(notes(workspace)) == [], "one of its runs has not ended"
    train(workspace, specs[0], 50.0)
    (line,) = notes(workspace, ["tuned"])
    assert line == (
        "search tuned: its next trainings are due (the job that was to choose them has ended without doing so); "
        "type: cd '/home/ada/my work' && attnctl sweep se --lr log:1e-3..1e-1 --name tuned"
    )
    assert list(notes(workspace, ["other"])) == []
