"""`attnctl sweep` from dry run to table, with real runs on this machine."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from torchvision.ops import FrozenBatchNorm2d

from attnctl import grid
from attnctl.grid import Axes
from attnctl.networks import surgery
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.swept_runs import runs

SMALL = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "128", "--run-on", "local")


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
    assert [row["kernel"] for row in csv.DictReader(io.StringIO(report.out))] == ["5", "7"]
    again = attnctl("sweep", "ela", "--kernel", "5,7,9", *SMALL, "--dry-run")
    assert "1 new, 2 done" in again.out
    assert "of one CPU process and " in again.out
    assert "source of the estimate: scaled from ela on resnet20 (2 runs)" in again.out
    repeated = attnctl("sweep", "ela", "--kernel", "5,7", *SMALL, "--json")
    assert {run["action"] for run in runs(repeated.out)} == {"done"}


def test_ctrl_c_says_what_it_waits_for_and_resume_of_the_sweep_or_the_same_command_goes_on(
    folder: Path, attnctl: Run
) -> None:
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
    assert "Stopping: 1 run (none) saves its checkpoint, in at most 60 s. Press Ctrl-C again to kill.\n" in errors
    assert errors.endswith("attnctl: stopped; to continue from the checkpoints, run: attnctl resume long\n")
    assert "Traceback" not in errors
    assert json.loads(attnctl("status", "--json").out)["runs"][0]["state"] == "cancelled"
    (planned,) = json.loads(attnctl("resume", "long", "--dry-run", "--json").out)["runs"]
    assert planned["starts"]
    (unnamed,) = json.loads(attnctl("resume", "--dry-run", "--json").out)["runs"]
    assert not unnamed["starts"]
    assert "1 will continue" in attnctl(*words, "--dry-run").out


def test_the_norms_of_a_detector_can_be_the_models_own_again(folder: Path, attnctl: Run) -> None:
    words = ("sweep", "none", "--model", "fasterrcnn", "--backbone", "resnet18", "--dataset", "digits-det")
    shown = {}
    for norms in ("batch", "default", "frozen"):
        result = attnctl(*words, "--norms", norms, "--dry-run", "--json")
        assert result.code == 0, result.err
        (shown[norms],) = json.loads(result.out)["runs"]
        assert shown[norms]["recipe"]["norms"] == norms
    (recipe_own,) = json.loads(attnctl(*words, "--dry-run", "--json").out)["runs"]
    assert recipe_own["id"] == shown["batch"]["id"] != shown["default"]["id"] != shown["frozen"]["id"]
    axes = Axes(modules=("none",), models=("fasterrcnn",), backbones=("resnet18",), datasets=("digits-det",))
    (spec,) = grid.expand(dataclasses.replace(axes, overrides={"norms": ("default",)})).specs
    assert spec.id == shown["default"]["id"]
    assert "the norms of fasterrcnn resnet18 are frozen" in grid.warn_frozen_untrained_norms(spec)
    assert any(isinstance(part, FrozenBatchNorm2d) for part in surgery.build(spec).modules())
