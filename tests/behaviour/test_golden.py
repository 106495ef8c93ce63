"""The numbers of three training steps of every module, and of a forward of every backbone.

A run's id holds a version of each part that its numbers depend on. When a part gives other numbers and its version has
not moved, old results would pass for new ones: then this fails. After raising the version (`version` in the module,
backbones.toml, placements.toml or datasets.py, or LOOP_VERSION), write the new numbers with

    ATTNCTL_GOLDEN=write python -m pytest tests/behaviour/test_golden.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from attnctl import attention, backbones
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.jobs.data import open_data
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.events import EventLog
from attnctl.jobs.training.loop import train
from attnctl.networks import surgery
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import read_events
from tests.attnctl.backbones.built import BUILT

GOLDEN = Path(__file__).with_name("golden.json")
STEPS = {"epochs": ("1",), "batch": ("32",), "norm_batch": ("16",), "input_size": ("16",), "lr": ("0.01",)}
FITTING = {"ema": {"G": ("8",)}, "sge": {"G": ("8",)}, "gn": {"num_groups": ("8",)}}
"""Hyperparameters of modules whose defaults do not fit the 16 channels of resnet20."""


class ThreeSteps:
    """The digits, cut short: three steps, and one batch to evaluate."""

    steps_per_epoch = 3
    categories: tuple[int, ...] = ()

    def __init__(self, spec: RunSpec) -> None:
        self._data = open_data(spec, DataRoots(), torch.device("cpu"))
        self.train, self.close = self._data.train, self._data.close
        self._evaluated = tuple(part[:8] for part in next(iter(self._data.evaluate(0, 1))))
        self.evaluation_size = len(self._evaluated[1])

    def evaluate(self, rank: int, world: int) -> Iterator[Any]:
        yield self._evaluated


@pytest.mark.parametrize("module", ["none", *attention.names()])
def test_three_steps_with_a_module_reproduce_the_results_of_its_version(module: str, tmp_path: Path) -> None:
    replaces = module != "none" and attention.describe(module).replaces
    axes = Axes(
        modules=(module,),
        hyperparameters=FITTING.get(module, {}),
        placements=("norms",) if replaces else ("block",),
        overrides=STEPS,
    )
    (spec,) = expand(axes).specs
    run = Workspace(tmp_path).run(spec.id)
    incarnation = run.attempt(1).incarnation(0)
    incarnation.path.mkdir(parents=True)
    cpu = torch.device("cpu")
    torch.manual_seed(0)
    context, events = TrainingContext(run=run, token=(1, 0)), EventLog(incarnation.events)
    assert train(spec, ThreeSteps(spec), surgery.build(spec), Group(0, 1, cpu), context, events) == "completed"
    (metrics,) = [e for e in read_events(incarnation.events.read_bytes()) if e["kind"] == "metrics"]
    versions = {
        part: version for part, version in vars(spec.versions).items() if part not in {"model", "recipe"}
    }  # there are none
    hold(f"{module} in resnet20", versions, metrics["values"]["train_loss"])


@pytest.mark.parametrize("backbone", [name for name in BUILT if backbones.describe(name).smallest <= 32])
def test_a_forward_of_a_backbone_reproduces_the_result_of_its_version(backbone: str) -> None:
    torch.manual_seed(0)
    network = backbones.build(backbone, 10, 32).eval()
    images = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    with torch.inference_mode():
        scores = network(images)
    hold(backbone, {"backbone": backbones.describe(backbone).version}, scores.abs().mean().item())


def hold(name: str, versions: dict[str, Any], number: float) -> None:
    """A part's number to the one written down for its versions, or write it down when asked to."""
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("ATTNCTL_GOLDEN") == "write":
        golden[name] = {"versions": versions, "number": number}
        write_atomic(GOLDEN, json.dumps(golden, indent=1, sort_keys=True).encode() + b"\n")
        return
    assert name in golden, f"{name} is new: write its number with ATTNCTL_GOLDEN=write"
    assert versions == golden[name]["versions"], "a version moved: write the new number"
    assert number == pytest.approx(golden[name]["number"], rel=1e-3), "the number moved, the version did not"
