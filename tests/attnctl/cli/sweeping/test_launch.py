"""The steps of a sweep: what is recorded, submitted and trained, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.cli.sweeping import launch
from attnctl.cli.sweeping.launch import Order
from attnctl.cli.sweeping.resource_options import ResourceOptions
from attnctl.cli.sweeping.selection import Selection
from attnctl.files import write_atomic
from attnctl.settings.config import Config, find
from attnctl.values import SpecError
from attnctl.workspace.records import Exit, Sweep
from tests.attnctl.cli.cli_run import listing

LOCAL = ResourceOptions(run_on="local", device="cpu")


def order(name: str | None = "again", *, as_json: bool = False, retry_failed: bool = False) -> Order:
    return Order(name=name, command=["sweep", "x"], retry_failed=retry_failed, wait=False, as_json=as_json)


@pytest.fixture
def config(trained: Path) -> Config:
    """The settings of a workspace with two completed runs, to stand in."""
    return find(trained, trained, {})


@pytest.fixture
def selected(config: Config) -> Selection:
    """Those two runs."""
    specs = [config.workspace.run(run).read_spec() for run in config.workspace.run_ids()]
    return Selection(specs=specs, invalid=[], name="x")


def test_completed_runs_are_not_trained_again_but_are_in_the_new_sweep(
    config: Config, selected: Selection, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(config.workspace.runs)
    assert launch.launch(config, selected, LOCAL, order()) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == ["sweep again: 2 runs: 2 done", "2 runs: 2 done; next: attnctl report again"]
    assert listing(config.workspace.runs) == before
    record = Sweep.read(config.workspace.sweep("again"))
    assert record is not None
    assert (record.runs, record.command) == ([spec.id for spec in selected.specs], ["sweep", "x"])
    assert launch.launch(config, selected, LOCAL, order(as_json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(run["action"], run["state"], run["tag"]) for run in document["runs"]] == [("done", "completed", None)] * 2


def test_a_preview_writes_nothing(config: Config, selected: Selection, capsys: pytest.CaptureFixture[str]) -> None:
    before = listing(config.workspace.root)
    assert launch.preview(config, selected, LOCAL, order()) == 0
    assert "Dry run: nothing was written." in capsys.readouterr().out
    assert listing(config.workspace.root) == before


def test_a_failed_run_is_named_and_trained_again_only_when_asked(
    config: Config, selected: Selection, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = selected.specs[0]
    attempt = config.workspace.run(failed.id).attempt(1)
    record = Exit(rank=0, at=2e9, outcome="error", message="KeyError: 'x'", step=1)
    write_atomic(attempt.incarnation(0).exit(0), record.encode())
    for observed in attempt.observed.iterdir():
        observed.unlink()
    assert launch.launch(config, selected, LOCAL, order()) == 1
    out = capsys.readouterr().out
    assert "sweep again: 2 runs: 1 done, 1 failed\n" in out
    assert f"{failed.id} {failed.label()}: code error: KeyError: 'x'" in out
    assert "add --retry-failed to run the failed runs again\n" in out
    assert launch.launch(config, selected, LOCAL, order(retry_failed=True)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 runs: 2 done; next: attnctl report again"
    assert config.workspace.run(failed.id).attempt(2).request.exists()


def test_a_sweep_that_is_refused_leaves_no_record(config: Config, selected: Selection) -> None:
    with pytest.raises(SpecError, match="--nodes 2 needs SLURM"):
        launch.launch(config, selected, ResourceOptions(run_on="local", device="cpu", nodes=2), order("refused"))
    assert not config.workspace.sweep("refused").exists()
