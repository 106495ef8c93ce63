"""Networks trained for two steps on small digits, once for all tests: what looking into them needs, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl import sources
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.jobs.inspect.load import Trained, load
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.loop import train
from attnctl.jobs.training.session import build
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.two_steps import TwoSteps

TINY = {"epochs": ("1",), "batch": ("32",), "norm_batch": ("32",), "input_size": ("16",), "lr": ("0.02",)}

Train = Callable[..., Trained]


@pytest.fixture(autouse=True)
def quietly(one_thread: None) -> None:
    """Every test here."""


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("inspected"))


@pytest.fixture(scope="session")
def trained(workspace: Workspace) -> Train:
    """Trains a module in a network, the first time that it is asked for, and loads it again each time."""
    done: dict[RunSpec, None] = {}

    def of(module: str = "none", placement: str = "block", fields: Any = None, **hyperparameters: str) -> Trained:
        axes = Axes(
            modules=(module,),
            placements=(placement,),
            hyperparameters={name: (value,) for name, value in hyperparameters.items()},
            overrides={**TINY, **(fields or {})},
        )
        (spec,) = expand(axes).specs
        if spec not in done:
            _train(spec, workspace)
            done[spec] = None
        return load(workspace, spec.id, torch.device("cpu"))

    return of


def _train(spec: RunSpec, workspace: Workspace) -> None:
    if sources.is_own(spec.versions.module):
        sources.keep(spec.versions.module, workspace.sources)
    run = workspace.run(spec.id)
    write_atomic(run.spec, spec.canonical().encode())
    cpu = torch.device("cpu")
    context = TrainingContext(run=run, token=(1, 0))
    assert train(spec, TwoSteps(spec), build(spec, cpu, workspace.sources), Group(0, 1, cpu), context) == "completed"


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A user's own module."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\n\n\nclass Gate(nn.Module):\n"
        "    def __init__(self, channels):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(channels, channels, 1)\n        self.act = nn.ReLU(inplace=True)\n\n"
        "    def forward(self, x):\n        return x * self.act(self.conv(x)).sigmoid()\n"
    )
    return file
