"""Assumed speeds of devices."""

from __future__ import annotations

from attnctl.cost.devices import assumed, same_device
from attnctl.cost.shapes import ANY_GPU, CPU


def test_a_gpu_is_known_by_its_type_and_by_its_whole_name() -> None:
    assert assumed("a100") == assumed("NVIDIA A100-SXM4-80GB")
    assert assumed("NVIDIA H100 80GB HBM3").flops > assumed("a100").flops
    assert assumed(ANY_GPU).doubt > assumed("a100").doubt, "of an unknown GPU less is known"


def test_the_assumption_is_stated_with_its_unit() -> None:
    assert assumed("a100").words(half=False) == "an assumed 20 TFLOP/s of an A100"
    assert assumed(CPU).words(half=False) == "an assumed 30 GFLOP/s of a CPU core"


def test_a_type_fits_the_gpus_of_that_type_and_no_others() -> None:
    assert same_device("a100", "NVIDIA A100-SXM4-80GB")
    assert not same_device("a100", "NVIDIA H100 80GB HBM3")
    assert same_device(ANY_GPU, "NVIDIA H100 80GB HBM3")
    assert not same_device(CPU, "NVIDIA H100 80GB HBM3")
    assert not same_device(ANY_GPU, CPU)
