"""Assumed training speeds of devices, used only for shapes of which nothing similar was measured.

The speeds are those of ResNet-50 training as published for each GPU, in floating-point operations per second (two for
each multiply-accumulate, three passes for each training image). A CPU core is a recent x86 one.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnctl.cost.shapes import ANY_GPU, CPU

_LAUNCH = 1.2e-4
"""Seconds per layer on a GPU: Python launches its kernels in the forward, the backward and the update."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """An assumed speed. flops: in fp32. half_flops: in bf16 or fp16. bandwidth: of memory, in bytes per second.

    memory: in bytes, the least that is sold. overhead: seconds that each layer of a forward and its backward takes at
    least. doubt: the factor by which the real speed may be lower or higher.
    """

    name: str
    flops: float
    half_flops: float
    bandwidth: float
    memory: float
    overhead: float = _LAUNCH
    doubt: float = 2.5

    def words(self, *, half: bool) -> str:
        """Such as `an assumed 20 TFLOP/s of an A100`."""
        flops = self.half_flops if half else self.flops
        amount = f"{flops / 1e12:.3g} TFLOP/s" if flops >= 1e12 else f"{flops / 1e9:.3g} GFLOP/s"
        return f"an assumed {amount} of {self.name}"


_KNOWN = (
    ("h200", Speed(name="an H200", flops=4e13, half_flops=1.1e14, bandwidth=3e12, memory=1.41e11)),
    ("h100", Speed(name="an H100", flops=3.5e13, half_flops=1e14, bandwidth=2e12, memory=8e10)),
    ("a100", Speed(name="an A100", flops=2e13, half_flops=6e13, bandwidth=1.2e12, memory=4e10)),
    ("l40", Speed(name="an L40", flops=2e13, half_flops=4e13, bandwidth=6e11, memory=4.8e10)),
    ("4090", Speed(name="an RTX 4090", flops=2e13, half_flops=4e13, bandwidth=7e11, memory=2.4e10)),
    ("3090", Speed(name="an RTX 3090", flops=1.2e13, half_flops=2.5e13, bandwidth=7e11, memory=2.4e10)),
    ("a40", Speed(name="an A40", flops=1.2e13, half_flops=2.5e13, bandwidth=5e11, memory=4.8e10)),
    ("v100", Speed(name="a V100", flops=9e12, half_flops=3e13, bandwidth=7e11, memory=1.6e10)),
    ("p100", Speed(name="a P100", flops=5.5e12, half_flops=7e12, bandwidth=5e11, memory=1.6e10)),
    ("t4", Speed(name="a T4", flops=3e12, half_flops=1e13, bandwidth=2.5e11, memory=1.6e10)),
)
_UNKNOWN_GPU = Speed(
    name="a GPU of unknown type", flops=1.2e13, half_flops=3e13, bandwidth=7e11, memory=1.6e10, doubt=5.0
)
_CORE = Speed(name="a CPU core", flops=3e10, half_flops=3e10, bandwidth=8e9, memory=8e9, overhead=5e-5, doubt=3.0)


def assumed(device: str) -> Speed:
    """The assumed speed of a device, of a single core for a CPU."""
    if device == CPU:
        return _CORE
    lowered = device.lower()
    return next((speed for name, speed in _KNOWN if name in lowered), _UNKNOWN_GPU)


def same_device(wanted: str, measured: str) -> bool:
    """Whether a measurement on one device holds for the wanted one: a type such as a100 fits the GPUs of that type."""
    if CPU in (wanted, measured):
        return wanted == measured
    return wanted == ANY_GPU or wanted.lower() in measured.lower() or measured.lower() in wanted.lower()
