"""What determines the time of a step, and how many of them there are."""

from __future__ import annotations

import dataclasses

import pytest

from attnctl.cost.shapes import ANY_GPU, CPU, Length, Machine, length_of, shape_of
from attnctl.grid import Axes, expand
from attnctl.workspace.records import Resources
from tests.attnctl.cost.measured import spec


def test_runs_that_differ_in_what_costs_no_time_have_the_same_shape() -> None:
    one = spec()
    for same in (spec(epochs="50"), spec(lr="0.3"), spec(weight_decay="0"), dataclasses.replace(one, seed=7)):
        assert shape_of(same) == shape_of(one)


@pytest.mark.parametrize(
    "recipe", [{"batch": "256"}, {"norm_batch": "128"}, {"input_size": "8"}, {"precision": "bf16"}]
)
def test_what_costs_time_makes_another_shape(recipe: dict[str, str]) -> None:
    assert shape_of(spec(**recipe)) != shape_of(spec())


def test_processes_share_the_batch_of_a_step() -> None:
    shape = shape_of(spec(batch="256", norm_batch="64"), world=2)
    assert (shape.batch, shape.replicas, shape.joined) == (128, 2, True)
    assert shape.side == 32, "the data set's"
    assert shape_of(spec(input_size="16")).side == 16


def test_the_replicas_of_compiled_networks_and_of_detectors_share_no_forward() -> None:
    assert shape_of(spec()).joined
    assert not shape_of(spec(compile="true")).joined
    detector = Axes(modules=("none",), models=("fasterrcnn",), backbones=("resnet50",), datasets=("coco",))
    assert not shape_of(expand(detector).specs[0]).joined
    pixels = Axes(modules=("none",), models=("deeplabv3",), backbones=("resnet50",), datasets=("voc12-seg",))
    assert shape_of(expand(pixels).specs[0]).joined


def test_a_run_evaluates_after_its_last_epoch_whatever_the_interval() -> None:
    per_epoch = 1437 // 128 * 128
    assert length_of(spec()) == Length(images=2 * per_epoch, evaluated=2 * 360)
    assert length_of(spec(epochs="5", eval_interval="2")) == Length(images=5 * per_epoch, evaluated=3 * 360)
    assert length_of(spec(val_split="0.5")).evaluated == 2 * 718


def test_a_machine_is_what_was_requested() -> None:
    assert Machine.of(Resources(cpus_per_task=4)) == Machine(device=CPU, world=1, threads=4)
    gpus = Resources(nodes=2, tasks_per_node=4, gpus_per_node=4)
    assert Machine.of(gpus, "a100") == Machine(device="a100", world=8, threads=1)
    assert Machine.of(gpus).device == ANY_GPU
    assert Machine.of(gpus).on_gpu
