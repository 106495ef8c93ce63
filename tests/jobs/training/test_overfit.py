"""Every model learns a few images by heart: through the loop, from its data to its metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from training_workers import make_spec

from attnctl import backbones, models
from attnctl.config import DataRoots
from attnctl.records import read_events
from attnctl.rundir import RunDir
from attnctl.spec import RunSpec
from jobs.data import open_data
from jobs.training.events import EventLog
from jobs.training.group import Group
from jobs.training.loop import Surroundings, train

IMAGES = 2
STEPS = {"ssdlite320": 160, "yolox_nano": 240, "yolof": 120, "deeplabv3": 100}
"""Of a model; the others take 60."""
SIZES = {"ssdlite320": 128, "yolox_nano": 128, "yolof": 128}
"""Pixels; the others take 64. On maps of few cells a norm's running variance is not that of the batch."""
BODIES = {"ssdlite320": "mobilenet_v2", "yolox_nano": "cspdarknet_nano"}


class Few:
    """Of the images that a data set evaluates those whose smallest object is the largest; trained on and evaluated."""

    def __init__(self, spec: RunSpec) -> None:
        data = open_data(spec, DataRoots(), torch.device("cpu"))
        images, targets = next(iter(data.evaluate(0, 1)))
        if models.task(spec.model) != "segment":
            order = sorted(range(len(targets)), key=lambda number: smallest(targets[number]["boxes"]))[-IMAGES:]
            self.batch: Any = [images[number] for number in order], [targets[number] for number in order]
        else:
            self.batch = images[:IMAGES], targets[:IMAGES]
        self.categories = data.categories
        self.steps_per_epoch, self.evaluation_size = spec.recipe.steps, IMAGES
        data.close()

    def train(self, start: int, replicas: range, steps: int) -> Iterator[Any]:
        for _ in range(start, steps):
            for _ in replicas:
                yield self.batch

    def evaluate(self, rank: int, world: int) -> Iterator[Any]:
        yield self.batch

    def close(self) -> None:
        pass


def smallest(boxes: Tensor) -> float:
    """The shortest side, in pixels; 0 for fewer than two boxes."""
    return float((boxes[:, 2:] - boxes[:, :2]).min()) if len(boxes) > 1 else 0.0


def make_run(model: str) -> RunSpec:
    recipe: dict[str, Any] = {"optimizer": "adamw", "lr": 0.002, "weight_decay": 0.0, "nesterov": False}
    recipe |= {"steps": STEPS.get(model, 60), "warmup_steps": 10, "schedule": "cosine", "augment": "none"}
    recipe |= {
        "batch": IMAGES,
        "norm_batch": IMAGES,
        "clip_norm": 10.0,
        "bn_momentum": 0.3,
        "input_size": SIZES.get(model, 64),
    }
    dataset = "digits-seg" if models.task(model) == "segment" else "digits-det"
    return dataclasses.replace(make_spec("none", **recipe), model=model, dataset=dataset)


def small(model: str) -> nn.Module:
    """The model around a small body, with few regions."""
    if model in BODIES:
        body: nn.Module = backbones.build(BODIES[model], 10)
    else:
        body = ResNet(Bottleneck if model == "deeplabv3" else BasicBlock, [1, 1, 1, 1])
    network = models.build(model, body, 11 if model == "deeplabv3" else 10, norms="batch", size=SIZES.get(model, 64))
    for part in network.modules():
        if hasattr(part, "_pre_nms_top_n"):
            part._pre_nms_top_n = {"training": 200, "testing": 200}
            part._post_nms_top_n = {"training": 60, "testing": 60}
        if hasattr(part, "fg_bg_sampler") and hasattr(part, "box_roi_pool"):
            part.fg_bg_sampler.batch_size_per_image = 32  # type: ignore[union-attr]
    return network


@pytest.mark.parametrize("model", models.names())
def test_a_few_images_are_learnt_by_heart(model: str, tmp_path: Path) -> None:
    spec = make_run(model)
    torch.manual_seed(0)
    events = EventLog(tmp_path / "events.jsonl")
    run = RunDir(tmp_path / "run", tmp_path / "run/checkpoints")
    around = Surroundings(run=run, token=(1, 0), group=Group(0, 1, torch.device("cpu")), events=events)
    assert train(spec, Few(spec), small(model), around) == "completed"
    events.close()
    (row,) = [event for event in read_events((tmp_path / "events.jsonl").read_bytes()) if event["kind"] == "metrics"]
    expected = {"detect": {"ap50": 95}, "instance": {"ap50": 95, "mask_ap50": 95}, "segment": {"miou": 90}}
    for name, least in expected[models.task(model)].items():
        assert row["values"][name] >= least, row["values"]
