"""Workspaces with small networks, made once for all commands that look into them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attnctl.cli import main
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import without_slurm

TINY = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256", "--run-on", "local")

PAPER = """
name = "Mine"
title = "A paper of my own"

[tables.1]
caption = "Gates"
dataset = "digits"
backbone = "resnet20"
placement = "block"
[[tables.1.columns]]
key = "top1"
title = "Top-1"
unit = "%"
metric = "top1"
[[tables.1.rows]]
row = "Plain"
top1 = "90.0"
[[tables.1.rows]]
row = "EAN"
module = "ean"
top1 = "91.0"

[figures.1]
caption = "Groups"
kind = "sweep"
x = "G"
published = { Digits = { 8 = "91.0" } }
[[figures.1.settings.series]]
title = "Digits"
table = "1"
row = "EAN"
column = "top1"
values = [2, 8]

[figures.2]
caption = "What the gates see"
kind = "cam"
table = "1"
settings = { layers = ["layer2", "layer3"], images = 2 }

[figures.3]
caption = "Responses"
kind = "histogram"
table = "1"
settings = { layers = ["layer3"], classes = [0, 4] }

[figures.4]
caption = "Curves"
kind = "curves"
table = "1"
settings = { reach = [1.0, 100.0] }
"""

MODELS = {
    "ssdlite320": ("mobilenet_v2", "digits-det"),
    "deeplabv3": ("resnet18", "digits-seg"),
    "": ("resnet20", "digits"),
}


@pytest.fixture(scope="session")
def paper_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three networks trained for one epoch of tiny digits: a paper's table and figure."""
    root = tmp_path_factory.mktemp("networks")
    (root / "mine.toml").write_text(PAPER)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        without_slurm(patch)
        assert main(["sweep", "--table", "./mine.toml:1", "--name", "gates", *TINY]) == 0
        assert main(["sweep", "--figure", "./mine.toml:1", *TINY]) == 0
    return root


@pytest.fixture
def here(paper_networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to draw in, with that workspace beside it; caches lie elsewhere."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    without_slurm(monkeypatch)
    monkeypatch.setenv("ATTNCTL_WORKSPACE", str(paper_networks))
    shutil.copy(paper_networks / "mine.toml", folder / "mine.toml")
    return folder


@pytest.fixture(scope="session")
def untrained_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a detector, a segmentation network and a classifier, as their seeds initialise them."""
    import torch  # not for the tests that never need it

    from attnctl.jobs.training import checkpoint
    from attnctl.jobs.training.session import build

    root = tmp_path_factory.mktemp("networks")
    workspace = Workspace(root)
    names = {}
    for model, (backbone, dataset) in MODELS.items():
        axes = Axes(
            modules=("none",),
            models=(model,),
            backbones=(backbone,),
            datasets=(dataset,),
            overrides={"input_size": ("64",)},
        )
        (spec,) = expand(axes).specs
        run = workspace.run(spec.id)
        write_atomic(run.spec, spec.canonical().encode())
        state = {"network": build(spec, torch.device("cpu")).state_dict()}
        checkpoint.save(run, checkpoint.Name((1, 0), 0), state)
        names[model or "classifier"] = spec.id
    (root / "names.json").write_text(json.dumps(names))
    return root


@pytest.fixture
def known(untrained_networks: Path, folder: Path) -> dict[str, str]:
    """The ids of those runs; standing in a copy of their workspace with some photos."""
    shutil.copytree(untrained_networks, folder, dirs_exist_ok=True)
    draw = np.random.default_rng(1)
    for name, shape in (("photos/a.png", (70, 90, 3)), ("photos/b.jpg", (100, 60, 3)), ("other/a.png", (64, 64, 3))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 255, shape, dtype=np.uint8)).save(folder / name)
    names: dict[str, str] = json.loads((folder / "names.json").read_text())
    return names
