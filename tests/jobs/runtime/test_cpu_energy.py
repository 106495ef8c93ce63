"""The energy of a node's CPUs, from files as Linux shows them in /sys/class/powercap."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.jobs.runtime.cpu_energy import CpuEnergy


def zone(folder: Path, name: str, called: str, microjoules: int, largest: int = 262143328850) -> Path:
    """A zone of the folder; its counter is in `energy_uj`."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "name").write_text(f"{called}\n")
    (path / "max_energy_range_uj").write_text(f"{largest}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    return path / "energy_uj"


def test_the_packages_are_summed_up_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    one = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    two = zone(tmp_path, "intel-rapl:1", "package-1", 7_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    zone(tmp_path, "intel-rapl:2", "psys", 9_000_000)
    energy = CpuEnergy(tmp_path)
    assert energy.joules() == 0
    one.write_text("8500000\n")
    two.write_text("7500000\n")
    core.write_text("3000000\n")
    assert energy.joules() == 4.0
    assert energy.joules() == 4.0, "nothing was used since"


def test_a_counter_that_begins_again_at_zero_is_followed(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, largest=10_000_000)
    energy = CpuEnergy(tmp_path)
    counter.write_text("2000000\n")
    assert energy.joules() == 3.0
    counter.write_text("2500000\n")
    assert energy.joules() == 3.5


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl").mkdir()  # the driver's own folder, which Linux has there, too
    with pytest.raises(FileNotFoundError, match="there is no counter of a processor in it"):
        CpuEnergy(tmp_path)
    with pytest.raises(FileNotFoundError):
        CpuEnergy(tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "many\n"])
def test_a_counter_without_a_number_is_an_error_that_the_recorder_knows(tmp_path: Path, text: str) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1).write_text(text)
    with pytest.raises(ValueError, match="invalid literal"):
        CpuEnergy(tmp_path)
