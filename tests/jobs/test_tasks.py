"""Which task a model is trained for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from attnctl.grid import Axes, expand
from attnctl.jobs.data import TrainingData
from attnctl.jobs.tasks import open_task
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.detect import Detect, Instance
from attnctl.jobs.tasks.segment import Segment
from attnctl.jobs.tasks.task import Arithmetic


@pytest.mark.parametrize(
    ("model", "dataset", "kind"),
    [
        ("", "digits", Classify),
        ("ssdlite320", "digits-det", Detect),
        ("maskrcnn", "digits-det", Instance),
        ("deeplabv3", "digits-seg", Segment),
    ],
)
def test_the_model_determines_the_task(model: str, dataset: str, kind: type, tmp_path: Path) -> None:
    (spec,) = expand(Axes(modules=("none",), models=(model,), datasets=(dataset,))).specs
    data = cast(TrainingData, SimpleNamespace(categories=(1, 2)))
    task = open_task(spec, data, Arithmetic.of(spec.recipe, torch.device("cpu")), tmp_path / "kept.json")
    assert type(task) is kind
    assert task.primary
    assert task.columns >= 1
