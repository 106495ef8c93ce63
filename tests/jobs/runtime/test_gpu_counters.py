"""A GPU's counters, by a driver's library whose functions are these doubles: they fill in what ctypes hands them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from attnctl.jobs.runtime import gpu_counters
from attnctl.jobs.runtime.gpu_counters import Nvidia, UnreadableError

UUID = "3b6c7f1e-0000-1111-2222-333344445555"


class Driver:
    """NVML of one GPU. mig: it is a part of one. errors: function to its error; -1: the driver does not have it."""

    def __init__(self, *, mig: bool = False, errors: Mapping[str, int] | None = None) -> None:
        self.percent, self.millijoules, self.mig, self.errors = 12, 5_000_000_000, mig, errors or {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvml") or self.errors.get(name) == -1:
            raise AttributeError(name)

        def call(*arguments: Any) -> int:
            self.calls.append(name)
            if code := self.errors.get(name, 0):
                return code
            return int(getattr(self, f"do_{name.removeprefix('nvml')}", lambda *_: 0)(*arguments))

        return call

    def do_DeviceGetHandleByUUID(self, uuid: ctypes.c_char_p, handle: Any) -> int:  # noqa: N802 (NVML's name)
        if uuid.value != f"{'MIG' if self.mig else 'GPU'}-{UUID}".encode():
            return 6
        handle._obj.value = 77
        return 0

    def do_DeviceIsMigDeviceHandle(self, handle: ctypes.c_void_p, part: Any) -> int:  # noqa: N802
        assert handle.value == 77
        part._obj.value = int(self.mig)
        return 0

    def do_DeviceGetUtilizationRates(self, handle: ctypes.c_void_p, rates: Any) -> int:  # noqa: N802
        assert handle.value == 77
        rates._obj.gpu, rates._obj.memory = self.percent, 3
        return 0

    def do_DeviceGetTotalEnergyConsumption(self, handle: ctypes.c_void_p, millijoules: Any) -> int:  # noqa: N802
        assert handle.value == 77
        millijoules._obj.value = self.millijoules  # more than 32 bits hold
        return 0


def test_the_gpu_of_a_process_is_found_by_its_uuid_and_read() -> None:
    driver = Driver()
    gpu = Nvidia(driver, UUID)
    assert (gpu.busy(), gpu.joules()) == (0.12, 5e6)
    assert driver.calls[0] == "nvmlInit_v2"
    driver.percent, driver.millijoules = 100, 1500
    assert (gpu.busy(), gpu.joules()) == (1.0, 1.5)


def test_a_part_of_a_gpu_has_no_counters_and_says_so() -> None:
    with pytest.raises(UnreadableError, match=r"^a part of a GPU \(MIG\) has no counter of its own$"):
        Nvidia(Driver(mig=True), UUID)


@pytest.mark.parametrize(
    ("function", "code", "reason"),
    [
        ("nvmlInit_v2", 9, "the NVIDIA driver is not loaded"),
        ("nvmlInit_v2", 999, "nvmlInit_v2 returned error 999"),
        ("nvmlInit_v2", -1, "this driver has no nvmlInit_v2"),
        ("nvmlDeviceGetHandleByUUID", 6, "the driver does not list this GPU"),
        ("nvmlDeviceGetTotalEnergyConsumption", 3, "this GPU does not count it"),
        ("nvmlDeviceGetUtilizationRates", 4, "only an administrator may read it"),
    ],
)
def test_what_the_driver_refuses_is_said_in_words(function: str, code: int, reason: str) -> None:
    def read() -> None:
        gpu = Nvidia(Driver(errors={function: code}), UUID)
        gpu.busy()
        gpu.joules()

    with pytest.raises(UnreadableError, match=f"^{reason}$"):
        read()


def test_a_machine_without_the_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_counters, "_LIBRARY", "libnvidia-ml-of-nobody.so.1")
    properties = type("Properties", (), {"uuid": UUID})()
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: properties)
    with pytest.raises(UnreadableError, match="of the NVIDIA driver is missing"):
        gpu_counters.of_device(torch.device("cuda", 0))
