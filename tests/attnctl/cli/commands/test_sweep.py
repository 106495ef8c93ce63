"""`sweep` from plan to table, with real runs on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from attnctl import grid
from attnctl.cli import sweep_records
from attnctl.cli.sweeping import plan
from attnctl.cli.sweeping.axes import addresses, axes
from attnctl.cli.sweeping.dynamic_options import Dynamic
from attnctl.cli.sweeping.run_names import short_names
from attnctl.files import write_atomic
from attnctl.grid import Axes
from attnctl.settings.config import find
from attnctl.values import SpecError, split_list
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit
from tests.attnctl.cli.cli_run import Run, listing, workspace_with_a_run

SMALL = ("--epochs", "1", "--batch", "256", "--norm-batch", "128", "--run-on", "local")


def runs(output: str) -> list[dict[str, Any]]:
    document = json.loads(output)
    assert isinstance(document["runs"], list)
    return document["runs"]


# ------------------------------------------------------------------------------------------------------------- axes


def test_axes_take_lists_defaults_and_addresses() -> None:
    made = axes(
        "ela,se",
        given={"backbone": ["resnet20", "resnet18"], "dataset": None, "placement": None, "seed": None},
        addressed=["ela.num-groups=4, 8"],
        recipe=None,
        dynamic=Dynamic({"kernel": "5,7"}, {"lr": "0.1"}),
        defaults={"seed": "0,1", "epochs": 3, "lr": 0.5, "backbone": "resnet50"},
    )
    assert made.backbones == ("resnet20", "resnet18")
    assert made.seeds == ("0", "1")
    assert made.overrides == {"epochs": ("3",), "lr": ("0.1",)}
    assert made.addressed == {("ela", "num_groups"): ("4", "8")}


@pytest.mark.parametrize("text", ["kernel=5", "ela.kernel", "ela.kernel=", "=", "ela.=5"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        addresses([text])


def test_an_empty_part_of_a_list_is_refused() -> None:
    with pytest.raises(SpecError, match="empty"):
        split_list("5,,7", "--kernel")


def test_short_names_leave_out_what_is_the_same() -> None:
    specs = grid.expand(Axes(modules=("none", "ela"), hyperparameters={"kernel": ("5", "7")}, seeds=("0", "1"))).specs
    assert sorted(short_names(specs).values()) == [
        "ela kernel=5 seed 0",
        "ela kernel=5 seed 1",
        "ela kernel=7 seed 0",
        "ela kernel=7 seed 1",
        "none seed 0",
        "none seed 1",
    ]


# ------------------------------------------------------------------------------------------------------------- plan


def test_a_dry_run_writes_nothing_at_all(folder: Path, attnctl: Run) -> None:
    planned = attnctl("sweep", "ela,none", "--kernel", "5,7", "--seed", "0,1", "--dry-run", "--json")
    assert planned.code == 0
    assert len(runs(planned.out)) == 6
    assert {run["action"] for run in runs(planned.out)} == {"new"}
    assert attnctl("sweep", "ela", "--dry-run", "--workspace", "new").code == 0
    assert listing(folder) == []


def test_a_dry_run_changes_nothing_in_a_workspace(folder: Path, attnctl: Run) -> None:
    root = workspace_with_a_run(folder)
    before = {name: (root / name).stat().st_mtime_ns for name in listing(root)}
    result = attnctl("--workspace", str(root), "sweep", "ela", "--kernel", "5,7", "--dry-run")
    assert "1 new, 1 queued" in result.out
    assert {name: (root / name).stat().st_mtime_ns for name in listing(root)} == before


@pytest.mark.parametrize(
    ("outcome", "action", "again"),
    [
        ("completed", "done", "done"),
        ("error", "failed", "will be retried"),
        ("diverged", "failed", "will be retried"),
        ("interrupted", "will continue", "will continue"),
        ("preempted", "will continue", "will continue"),
        (None, "queued", "queued"),
    ],
)
def test_a_plan_says_what_becomes_of_each_run(outcome: str | None, action: str, again: str, tmp_path: Path) -> None:
    root = workspace_with_a_run(tmp_path)
    workspace = find(root, root, {}).workspace
    specs = grid.expand(Axes(modules=("ela",))).specs
    if outcome is not None:
        incarnation = workspace.run(specs[0].id).attempt(1).incarnation(0)
        write_atomic(incarnation.exit(0), Exit(rank=0, at=1.0, outcome=outcome).encode())
    for retry, expected in ((False, action), (True, again)):
        assert [str(item.action) for item in plan.plan(workspace, specs, retry_failed=retry)] == [expected]


def test_a_sweep_of_the_same_name_is_added_to(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert sweep_records.record(workspace, "mine", "ela", ["a", "b"], ["sweep"]) == "mine"
    assert sweep_records.record(workspace, "mine", "ela", ["b", "c"], ["sweep"]) == "mine"
    assert sweep_records.read(workspace, "mine").runs == ["a", "b", "c"]
    names = {sweep_records.record(workspace, None, "ela,./x y:Z", ["a"], []) for _ in range(3)}
    assert len(names) == 3
    assert all(sweep_records.check_name(name) for name in names)


# -------------------------------------------------------------------------------------------------------- real runs


def test_a_sweep_trains_here_and_every_command_shows_it(folder: Path, attnctl: Run) -> None:
    swept = attnctl("sweep", "ela", "--kernel", "5,7", *SMALL, "--name", "mine")
    assert swept.code == 0, swept.err
    assert "2 done; next: attnctl report mine" in swept.out
    assert "top-1" in swept.err
    status = json.loads(attnctl("status", "mine", "--json").out)
    assert [run["state"] for run in status["runs"]] == ["completed", "completed"]
    first, second = (run["id"] for run in status["runs"])
    assert attnctl("status", "--watch").code == 0
    shown = attnctl("show", first[:6])
    assert "state         completed" in shown.out
    assert json.loads(attnctl("show", first, "--json").out)["spec"]["module"] == "ela"
    assert "completed" in attnctl("logs", first).out
    assert attnctl("logs", "-f", first).out == attnctl("logs", first).out
    assert attnctl("logs", first, "--rank", "5").code == attnctl("logs", first, "--attempt", "9").code == 2
    assert attnctl("diff", first, second).out.splitlines()[1].split() == ["kernel", "5", "7"]
    assert "none of 2 runs is active" in attnctl("cancel", "mine").out
    report = attnctl("report", "mine", "--format", "csv")
    assert report.code == 0
    assert "kernel" in report.out
    again = attnctl("sweep", "ela", "--kernel", "5,7,9", *SMALL, "--dry-run")
    assert "1 new, 2 done" in again.out
    assert "of disk, by earlier runs of the same kind" in again.out
    repeated = attnctl("sweep", "ela", "--kernel", "5,7", *SMALL, "--json")
    assert {run["action"] for run in runs(repeated.out)} == {"done"}


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(folder: Path, attnctl: Run) -> None:
    words = ["sweep", "none", "--seed", "3", "--epochs", "40", "--run-on", "local", "--name", "long"]
    process = subprocess.Popen(
        [sys.executable, "-m", "attnctl", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert process.stderr is not None
        while "step" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "to go on from the checkpoints: attnctl sweep none" in errors
    assert "Traceback" not in errors
    assert json.loads(attnctl("status", "--json").out)["runs"][0]["state"] == "cancelled"
    assert "1 will continue" in attnctl(*words, "--dry-run").out
