"""Several ranks give the very numbers of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attnctl.jobs.metrics.coco import CocoAP
from attnctl.jobs.runtime.group import Group
from tests.jobs.metrics.ranks import IMAGES, answers_of, evaluate, metrics


@pytest.mark.parametrize("world", [2, 3])
def test_several_ranks_compute_the_same_values_as_one(world: int, tmp_path: Path) -> None:
    alone = metrics()
    evaluate(0, 1, alone)
    expected = {}
    for name, metric in alone.items():
        metric.gather(Group(0, 1, torch.device("cpu")))
        expected[name] = (metric.compute(), IMAGES)
    assert answers_of(world, tmp_path) == [expected] * world
    coco = alone["coco"]
    assert isinstance(coco, CocoAP)
    coco.write(tmp_path / "1.json")
    assert (tmp_path / f"{world}.json").read_bytes() == (tmp_path / "1.json").read_bytes()
    assert {*expected["coco"][0]} >= {"ap", "mask_ap", "mask_ap_large"}


def test_an_image_that_two_ranks_evaluated_is_an_error(tmp_path: Path) -> None:
    assert answers_of(2, tmp_path, twice=True) == ["2 images were evaluated twice"]


def test_values_without_gathering_are_those_of_one_process() -> None:
    first, second = metrics(), metrics()
    for found in (first, second):
        evaluate(0, 1, found)
    for name, metric in first.items():
        metric.gather(Group(0, 1, torch.device("cpu")))
        assert metric.compute() == second[name].compute()
