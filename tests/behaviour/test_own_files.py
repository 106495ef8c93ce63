"""Users' own files and packages from the command line to the table: real runs of one tiny epoch."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attnctl import grid
from attnctl.grid import Axes
from attnctl.jobs.local import runner
from attnctl.jobs.submission.submit import submit
from attnctl.networks import probe
from attnctl.settings.config import find
from attnctl.workspace.records import Resources
from tests.attnctl.cli.cli_run import Run, listing

TINY = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256")
OVERRIDES = {"epochs": ("1",), "input_size": ("8",), "batch": ("256",), "norm_batch": ("256",)}
EXAMPLE = Path(__file__).parents[2] / "examples" / "attnctl-gates"

GATE = '''
import torch
from torch import nn

import jobs  # the user's own, beside this file


class Gate(nn.Module):
    """A gate.

    kernel: size of its convolution
    """

    def __init__(self, channels, kernel=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)

    def forward(self, x):
        return x * self.conv(x).sigmoid()

    def extra_loss(self):
        return jobs.PENALTY * self.conv.weight.square().sum()
'''
NET = """
from torch import nn


def build(classes):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, classes),
    )


def wrong(classes):
    return nn.Linear(classes, -1)


def logits(classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
BAD = """
import torch
from torch import nn


class Shape(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x.mean(3)


class Nan(Shape):
    def forward(self, x):
        return x / 0 * 0


class Raises(Shape):
    def __init__(self, channels, kernel=4):
        super().__init__(channels)
        if kernel % 2 == 0:
            raise ValueError("kernel must be odd")


class Penalty(Shape):
    def forward(self, x):
        return x

    def extra_loss(self):
        return torch.ones(3)
"""


@pytest.fixture
def mine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to stand in, with a user's files, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name, text in {"gate": GATE, "net": NET, "bad": BAD, "jobs": "PENALTY = 0.01\n"}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def runs(output: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(output)["runs"]
    return found


def planned(attnctl: Run, *words: str) -> list[dict[str, Any]]:
    result = attnctl("sweep", *words, *TINY, "--run-on", "local", "--dry-run", "--json")
    assert result.code == 0, result.err
    return runs(result.out)


# ------------------------------------------------------------------------------------------------------------- plan


def test_help_has_the_options_of_a_users_class(mine: Path, attnctl: Run) -> None:
    for command in ("sweep", "try"):
        shown = attnctl(command, "./gate.py:Gate", "--help")
        assert shown.code == 0
        assert "--kernel N,N,..." in shown.out
        assert "size of its convolution: a whole number; default 3." in " ".join(shown.out.split())


def test_a_sweep_is_planned_by_content_and_probed_once(
    mine: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planned(attnctl, "./gate.py:Gate", "--kernel", "3,5", "-p", "./gate.py:Gate.kernel=3,5,7")
    assert [run["label"] for run in before] == [f"gate:Gate kernel={k}" for k in (3, 5, 7)]
    assert [run["hyperparameters"]["kernel"] for run in before] == [3, 5, 7]
    assert listing(mine) == ["bad.py", "gate.py", "jobs.py", "net.py"]
    ids = [run["id"] for run in before]
    monkeypatch.setattr("attnctl.networks.probe._run", lambda specs: pytest.fail("what has passed is not probed again"))
    (mine / "gate.py").write_text("# only words\n" + GATE.replace("kernel=3", "kernel = 3"))
    assert [run["id"] for run in planned(attnctl, "./gate.py:Gate", "--kernel", "3,5,7")] == ids
    monkeypatch.undo()
    monkeypatch.chdir(mine)
    (mine / "jobs.py").write_text("PENALTY = 0.02\n")
    monkeypatch.setattr("attnctl.networks.probe._run", lambda specs: {})
    after = planned(attnctl, "./gate.py:Gate", "--kernel", "3,5,7")
    assert not {run["id"] for run in after} & set(ids)


def test_errors_are_reported_before_anything_is_submitted(mine: Path, attnctl: Run) -> None:
    names = [f"./bad.py:{name}" for name in ("Shape", "Nan", "Raises", "Penalty")]
    overrides = {"input_size": ("8",), "batch": ("256",)}
    specs = grid.expand(Axes(modules=(*names, "./gate.py:Gate"), overrides=overrides)).specs
    found = probe.check(specs)
    words = {spec.module: found.get(spec.id, "") for spec in specs}
    assert "bad:Shape gives (2, 16, 8) for a map (2, 16, 8, 8); it must keep the input's shape" in words["bad:Shape"]
    assert "bad:Nan gives NaN" in words["bad:Nan"]
    assert words["bad:Raises"] == "bad.py:23: Raises.__init__ raises ValueError: kernel must be odd"
    assert "extra_loss() of Penalty gives (3,)" in words["bad:Penalty"]
    assert words["gate:Gate"] == ""
    net = attnctl("sweep", "none", "--backbone", "./net.py:wrong", *TINY, "--run-on", "local")
    assert net.code == 2
    assert "backbone net:wrong cannot be built: net.py:14: wrong raises RuntimeError" in net.err
    assert listing(mine) == ["bad.py", "gate.py", "jobs.py", "net.py"]


def test_in_a_detector_they_are_probed_too(mine: Path) -> None:
    axes: dict[str, Any] = {"models": ("yolox_nano",), "datasets": ("digits-det",), "placements": ("neck",)}
    specs = grid.expand(Axes(modules=("./gate.py:Gate", "./bad.py:Shape", "./bad.py:Nan"), **axes)).specs
    found = probe.check(specs)
    words = {spec.module: found.get(spec.id, "") for spec in specs}
    assert words["gate:Gate"] == ""
    assert "bad:Shape gives (2, 64, 16) for a map (2, 64, 16, 16)" in words["bad:Shape"]
    assert "bad:Nan gives NaN" in words["bad:Nan"]


# -------------------------------------------------------------------------------------------------------- real runs


def test_a_queued_run_keeps_the_sources_of_its_submission(mine: Path) -> None:
    config = find(mine, mine, {})
    axes = Axes(modules=("./gate.py:Gate",), overrides=OVERRIDES)
    (spec,) = grid.expand(axes).specs
    submitted = submit(config, [spec], Resources(), config.slurm, "local")
    (mine / "gate.py").write_text(GATE + "\nraise SystemExit('edited while it waited')\n")
    (mine / "jobs.py").unlink()
    runner.run(config, submitted, Resources(), 1, lambda _progress: None)
    incarnation = config.workspace.run(spec.id).attempt(1).incarnation(0)
    assert [item.outcome for item in incarnation.exits()] == ["completed"], incarnation.log(0).read_text()
    assert config.workspace.run(spec.id).read_spec() == spec
    (edited,) = grid.expand(axes).specs
    assert edited.id != spec.id
    assert edited.module == spec.module == "gate:Gate"


def test_a_users_backbone_and_recipe_with_two_files_of_the_same_name(mine: Path, attnctl: Run) -> None:
    (mine / "more").mkdir()
    (mine / "more" / "gate.py").write_text(GATE.replace("groups=channels", "groups=1"))
    (mine / "more" / "jobs.py").write_text("PENALTY = 1.0\n")
    (mine / "mine.toml").write_text('base = "digits"\nepochs = 1\ninput_size = 8\nbatch = 256\nnorm_batch = 256\n')
    words = ("./gate.py:Gate,more/gate.py:Gate", "--backbone", "./net.py:build", "--placement", "stage")
    swept = attnctl("sweep", *words, "--recipe", "./mine.toml", "--run-on", "local", "--json")
    assert swept.code == 0, swept.err
    assert [run["state"] for run in runs(swept.out)] == ["completed", "completed"]
    assert {run["backbone"] for run in runs(swept.out)} == {"net:build"}
    assert len(list((mine / "sources").iterdir())) == 3
    report = attnctl("report", "--format", "csv")
    assert report.code == 0, report.err
    names = [row["module"] for row in csv.DictReader(io.StringIO(report.out))]
    assert len(set(names)) == 2
    assert all(name.startswith("Gate (code ") for name in names)
    shown = json.loads(attnctl("show", runs(swept.out)[0]["id"], "--json").out)
    assert shown["spec"]["versions"]["backbone"].startswith("ast:")


def test_try_trains_saves_and_resumes_and_leaves_nothing(mine: Path, attnctl: Run) -> None:
    before = listing(mine)
    result = attnctl(
        "try", "./gate.py:Gate", "--kernel", "5", *TINY[:4], "--batch", "64", "--norm-batch", "64", "--json"
    )
    assert result.code == 0, result.err
    (run,) = runs(result.out)
    assert run["label"] == "gate:Gate kernel=5"
    assert run["steps"] == 20
    assert run["resumed_alike"]
    assert run["train_loss"][1] < run["train_loss"][0]
    assert min(run["images_per_s"], run["peak_bytes"], run["hours"], run["checkpoint_bytes"]) > 0
    assert listing(mine) == before


def test_a_package_adds_a_module_a_backbone_and_a_data_set(mine: Path) -> None:
    target, copy = mine.parent / "target", mine.parent / "copy"
    shutil.copytree(EXAMPLE, copy)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(target), str(copy)], check=True)

    def attnctl(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "attnctl", *words]
        environment = os.environ | {"PYTHONPATH": str(target)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    words = ("channel_gate", "--penalty", "0.01", "--backbone", "plain9", "--placement", "stage", "--run-on", "local")
    swept = attnctl("sweep", *words, "--dataset", "stripes", "--epochs", "1", "--batch", "64", "--json")
    assert swept.returncode == 0, swept.stderr
    (run,) = runs(swept.stdout)
    assert run["state"] == "completed"
    spec = json.loads((mine / "runs" / run["id"] / "spec.json").read_text())
    assert (spec["module"], spec["backbone"], spec["dataset"]) == ("channel_gate", "plain9", "stripes")
    assert spec["versions"]["module"].startswith("package:")
    assert spec["versions"]["backbone"].startswith("package:")
    assert "stripes" in attnctl("datasets").stdout
    parts = target / "attnctl_gates" / "parts.py"  # which the backbone imports
    parts.write_text(parts.read_text().replace("bias=False", "bias=True"))
    code = "from attnctl.sources import plugins; print(plugins.packaged_backbone('plain9').version)"
    environment = os.environ | {"PYTHONPATH": str(target)}
    now = subprocess.run([sys.executable, "-Pc", code], env=environment, capture_output=True, text=True, check=True)
    assert now.stdout.strip() not in {spec["versions"]["backbone"], ""}
