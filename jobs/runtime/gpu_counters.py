"""How busy a GPU is and how much energy it has taken, as its driver counts them.

NVML is called in the library that each NVIDIA driver brings (docs.nvidia.com/deploy/nvml-api), and ROCm SMI in that of
ROCm (rocm_smi.h; rocm.docs.amd.com/projects/rocm_smi_lib), so that no package is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Sequence
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


_NVML = ("libnvidia-ml.so.1",)
_ROCM_SMI = (*(f"librocm_smi64.so.{version}" for version in (7, 6, 5, 1)), "/opt/rocm/lib/librocm_smi64.so")
"""The releases of ROCm number it differently; what is called here is the same in all of them."""
_REASONS = {
    "nvml": {
        3: "this GPU does not count it",
        4: "only an administrator may read it",
        6: "the driver does not list this GPU",
        9: "the NVIDIA driver is not loaded",
    },
    "rsmi": {
        2: "this GPU does not count it",
        4: "only an administrator may read it",
        8: "the AMD driver is not loaded",
    },
}
"""The errors of NVML (nvmlReturn_t) and of ROCm SMI (rsmi_status_t), by the prefix of the functions."""
_PART = "a part of a GPU ({}) has no counter of its own"


def of_device(device: torch.device) -> GpuCounters:
    """The counters of torch's GPU; raises UnreadableError."""
    properties: Any = torch.cuda.get_device_properties(device)
    if torch.version.hip:
        if not hasattr(properties, "pci_bus_id"):
            raise UnreadableError("this release of torch does not say where the GPU is")
        address = (properties.pci_domain_id, properties.pci_bus_id, properties.pci_device_id)
        return Amd(_library(_ROCM_SMI, "ROCm"), address)
    return Nvidia(_library(_NVML, "the NVIDIA driver"), str(properties.uuid))


def _library(names: Sequence[str], owner: str) -> ctypes.CDLL:
    """The first of these libraries that is there."""
    for name in names:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    raise UnreadableError(f"{names[0]} of {owner} is missing")


def _call(library: ctypes.CDLL, name: str, *arguments: Any) -> None:
    """Call a function of the library, whose result is an error code; raises UnreadableError."""
    try:
        code = getattr(library, name)(*arguments)
    except AttributeError as error:  # a driver older than the function
        raise UnreadableError(f"this driver has no {name}") from error
    if code:
        raise UnreadableError(_REASONS[name[:4]].get(code, f"{name} returned error {code}"))


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class Nvidia:
    """A GPU in NVML. library: NVML's functions. uuid: as torch has it, without `GPU-` in front."""

    def __init__(self, library: ctypes.CDLL, uuid: str) -> None:
        self._call = functools.partial(_call, library)
        self._call("nvmlInit_v2")
        self._handle = ctypes.c_void_p()
        try:
            self._find(f"GPU-{uuid}")
        except UnreadableError:
            self._find(f"MIG-{uuid}")
        part = ctypes.c_uint()
        self._call("nvmlDeviceIsMigDeviceHandle", self._handle, ctypes.byref(part))
        if part.value:
            raise UnreadableError(_PART.format("MIG"))

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


class Amd:
    """A GPU in ROCm SMI. library: its functions. address: PCI domain, bus and device, as torch has them."""

    def __init__(self, library: ctypes.CDLL, address: tuple[int, int, int]) -> None:
        self._call = functools.partial(_call, library)
        self._call("rsmi_init", ctypes.c_uint64(0))
        count = ctypes.c_uint32()
        self._call("rsmi_num_monitor_devices", ctypes.byref(count))
        found = [index for index in range(count.value) if self._address(index) == address]
        if not found:
            raise UnreadableError("the driver does not list this GPU")
        if len(found) > 1:  # the parts of one GPU have its address
            raise UnreadableError(_PART.format("a compute partition"))
        self._index = ctypes.c_uint32(found[0])

    def busy(self) -> float:
        """See `GpuCounters`."""
        percent = ctypes.c_uint32()
        self._call("rsmi_dev_busy_percent_get", self._index, ctypes.byref(percent))
        return percent.value / 100

    def joules(self) -> float:
        """See `GpuCounters`."""
        count, microjoules, at = ctypes.c_uint64(), ctypes.c_float(), ctypes.c_uint64()
        self._call(
            "rsmi_dev_energy_count_get",
            self._index,
            ctypes.byref(count),
            ctypes.byref(microjoules),  # of one count
            ctypes.byref(at),
        )
        return count.value * microjoules.value / 1e6

    def _address(self, index: int) -> tuple[int, int, int]:
        """PCI domain, bus and device of a GPU: bits 63 to 32, 15 to 8 and 7 to 3 (rsmi_dev_pci_id_get)."""
        number = ctypes.c_uint64()
        self._call("rsmi_dev_pci_id_get", ctypes.c_uint32(index), ctypes.byref(number))
        return number.value >> 32, number.value >> 8 & 0xFF, number.value >> 3 & 0x1F
