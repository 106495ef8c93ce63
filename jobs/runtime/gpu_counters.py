"""How busy a GPU is and how much energy it has taken, as its driver counts them.

NVML is called in the library that each NVIDIA driver brings (docs.nvidia.com/deploy/nvml-api), so that no package is
needed. On AMD, torch asks amdsmi where that is installed.
"""

from __future__ import annotations

import ctypes
from typing import Any, Protocol

import torch


class UnreadableError(Exception):
    """A counter that cannot be read; the message says why."""


class GpuCounters(Protocol):
    """The counters of one GPU, whatever processes use it. Both methods raise UnreadableError."""

    def busy(self) -> float:
        """The part of the last second, or less, in which a kernel ran, from 0 to 1."""

    def joules(self) -> float:
        """The energy that it has taken so far; only differences have a meaning."""


_LIBRARY = "libnvidia-ml.so.1"
_REASONS = {
    3: "this GPU does not count it",
    4: "only an administrator may read it",
    6: "the driver does not list this GPU",
    9: "the NVIDIA driver is not loaded",
}
"""NVML's errors (nvmlReturn_t)."""
_MIG = "a part of a GPU (MIG) has no counter of its own"


def of_device(device: torch.device) -> GpuCounters:
    """The counters of torch's GPU; raises UnreadableError."""
    if torch.version.hip:
        return _Amd(device)
    return Nvidia(_library(), str(torch.cuda.get_device_properties(device).uuid))


def _library() -> Any:
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise UnreadableError(f"{_LIBRARY} of the NVIDIA driver is missing") from error


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class Nvidia:
    """A GPU in NVML. library: NVML's functions. uuid: as torch has it, without `GPU-` in front."""

    def __init__(self, library: Any, uuid: str) -> None:
        self._library = library
        self._call("nvmlInit_v2")
        self._handle = ctypes.c_void_p()
        try:
            self._find(f"GPU-{uuid}")
        except UnreadableError:
            self._find(f"MIG-{uuid}")
        part = ctypes.c_uint()
        self._call("nvmlDeviceIsMigDeviceHandle", self._handle, ctypes.byref(part))
        if part.value:
            raise UnreadableError(_MIG)

    def busy(self) -> float:
        """See `GpuCounters`."""
        rates = _Utilization()
        self._call("nvmlDeviceGetUtilizationRates", self._handle, ctypes.byref(rates))
        return float(rates.gpu) / 100

    def joules(self) -> float:
        """See `GpuCounters`."""
        millijoules = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", self._handle, ctypes.byref(millijoules))
        return millijoules.value / 1000

    def _find(self, uuid: str) -> None:
        self._call("nvmlDeviceGetHandleByUUID", ctypes.c_char_p(uuid.encode()), ctypes.byref(self._handle))

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            code = getattr(self._library, name)(*arguments)
        except AttributeError as error:  # a driver older than the function
            raise UnreadableError(f"this driver has no {name}") from error
        if code:
            raise UnreadableError(_REASONS.get(code, f"{name} returned error {code}"))


class _Amd:
    """A GPU of AMD, as torch reads it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def busy(self) -> float:
        """See `GpuCounters`."""
        try:
            return torch.cuda.utilization(self._device) / 100
        except (ImportError, RuntimeError, OSError) as error:
            raise UnreadableError(str(error).partition("\n")[0]) from error

    def joules(self) -> float:
        """See `GpuCounters`."""
        raise UnreadableError("attnctl reads no energy of AMD GPUs")
