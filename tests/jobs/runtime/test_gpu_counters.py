"""GPU counters, read from drivers' libraries that are compiled here with the signatures of nvml.h and rocm_smi.h."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from attnctl.jobs.runtime import gpu_counters
from attnctl.jobs.runtime.gpu_counters import GpuCounters, UnreadableError

UUID = "3b6c7f1e-0000-1111-2222-333344445555"
COMPILER = shutil.which("gcc") or shutil.which("cc")
DEVICE = torch.device("cuda", 0)

Driver = Callable[..., GpuCounters]
"""Makes the counters of a GPU. lacking: a function that the driver does not have; the rest: the library's variables."""


def compiled(source: str, folder: Path, lacking: str) -> str:
    if COMPILER is None:
        pytest.skip("no C compiler (gcc or cc) on this machine: the drivers' libraries cannot be compiled")
    library = folder / f"{source}.so"
    absent = [f"-D{lacking}=absent"] if lacking else []
    path = Path(__file__).with_name(f"{source}.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", *absent, "-o", str(library), str(path)], check=True)
    return str(library)


@pytest.fixture
def nvidia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """By default a GPU that is busy for 12 % of the time, with a counter that 32 bits do not hold."""

    def read(lacking: str = "", **variables: str) -> GpuCounters:
        defaults = {"UUID": f"GPU-{UUID}", "PERCENT": "12", "ENERGY": "5000000000"}
        for name, value in (defaults | variables).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(gpu_counters, "_NVML", (compiled("nvml", tmp_path, lacking),))
        monkeypatch.setattr(torch.version, "hip", None)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid=UUID))
        return gpu_counters.of_device(DEVICE)

    return read


@pytest.fixture
def amd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """By default the second of three GPUs, in a PCI domain that 16 bits do not hold."""

    def read(lacking: str = "", **variables: str) -> GpuCounters:
        gpus = {"GPU_0": "000000000000c100", "GPU_1": "0001000200004128", "GPU_2": "0001000300004128"}
        for name, value in (gpus | {"PERCENT": "12", "ENERGY": "5000000000"} | variables).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(gpu_counters, "_ROCM_SMI", ("librocm_smi64.so.0", compiled("rocm_smi", tmp_path, lacking)))
        monkeypatch.setattr(torch.version, "hip", "6.2.4")
        address = SimpleNamespace(pci_domain_id=0x10002, pci_bus_id=0x41, pci_device_id=5)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: address)
        return gpu_counters.of_device(DEVICE)

    return read


def test_the_gpu_of_a_process_is_found_by_its_uuid_and_read(nvidia: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = nvidia()
    assert (gpu.busy(), gpu.joules()) == (0.12, 5e6)
    monkeypatch.setenv("PERCENT", "100")
    monkeypatch.setenv("ENERGY", "1500")
    assert (gpu.busy(), gpu.joules()) == (1.0, 1.5)


def test_a_gpu_of_amd_is_found_by_its_pci_address_and_read(amd: Driver) -> None:
    gpu = amd()
    assert gpu.busy() == 0.12
    assert gpu.joules() == pytest.approx(5e9 * 15.3e-6, rel=1e-6)


def test_the_partition_of_a_gpu_of_amd_is_no_part_of_its_address(amd: Driver) -> None:
    assert amd(GPU_1="0001000230004129").busy() == 0.12


def test_a_part_of_a_gpu_has_no_counters_and_says_so(nvidia: Driver, amd: Driver) -> None:
    with pytest.raises(UnreadableError, match=r"^a part of a GPU \(MIG\) has no counter of its own$"):
        nvidia(UUID=f"MIG-{UUID}")
    with pytest.raises(UnreadableError, match=r"^a part of a GPU \(a compute partition\) has no counter of its own$"):
        amd(GPU_2="0001000220004129")


@pytest.mark.parametrize(
    ("function", "code", "reason"),
    [
        ("nvmlInit_v2", 9, "the NVIDIA driver is not loaded"),
        ("nvmlInit_v2", 999, "nvmlInit_v2 returned error 999"),
        ("nvmlInit_v2", None, "this driver has no nvmlInit_v2"),
        ("nvmlDeviceGetHandleByUUID", 6, "the driver does not list this GPU"),
        ("nvmlDeviceGetTotalEnergyConsumption", 3, "this GPU does not count it"),
        ("nvmlDeviceGetTotalEnergyConsumption", None, "this driver has no nvmlDeviceGetTotalEnergyConsumption"),
        ("nvmlDeviceGetUtilizationRates", 4, "only an administrator may read it"),
        ("rsmi_init", 8, "the AMD driver is not loaded"),
        ("rsmi_init", None, "this driver has no rsmi_init"),
        ("rsmi_num_monitor_devices", 6, "rsmi_num_monitor_devices returned error 6"),
        ("rsmi_dev_pci_id_get", 4, "only an administrator may read it"),
        ("rsmi_dev_busy_percent_get", 2, "this GPU does not count it"),
        ("rsmi_dev_energy_count_get", None, "this driver has no rsmi_dev_energy_count_get"),
    ],
)
def test_what_the_driver_refuses_is_said_in_words(
    nvidia: Driver, amd: Driver, function: str, code: int | None, reason: str
) -> None:
    driver = nvidia if function.startswith("nvml") else amd

    def read() -> None:
        gpu = driver(lacking=function) if code is None else driver(**{function: str(code)})
        gpu.busy()
        gpu.joules()

    with pytest.raises(UnreadableError, match=f"^{reason}$"):
        read()


def test_a_gpu_that_the_driver_does_not_list_says_so(amd: Driver) -> None:
    with pytest.raises(UnreadableError, match=r"^the driver does not list this GPU$"):
        amd(GPU_1="0001000200004228")


@pytest.mark.parametrize(
    ("hip", "names", "reason"),
    [
        (None, "_NVML", "libnone.so.1 of the NVIDIA driver is missing"),
        ("6.2.4", "_ROCM_SMI", "libnone.so.1 of ROCm is missing"),
    ],
)
def test_a_machine_without_the_driver_says_so(
    monkeypatch: pytest.MonkeyPatch, hip: str | None, names: str, reason: str
) -> None:
    properties = SimpleNamespace(uuid=UUID, pci_domain_id=0, pci_bus_id=0, pci_device_id=0)
    monkeypatch.setattr(gpu_counters, names, ("libnone.so.1",))
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    with pytest.raises(UnreadableError, match=f"^{reason}$"):
        gpu_counters.of_device(DEVICE)


def test_a_release_of_torch_that_does_not_know_the_address_of_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.2.4")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid=UUID))
    with pytest.raises(UnreadableError, match=r"^this release of torch does not say where the GPU is$"):
        gpu_counters.of_device(DEVICE)
