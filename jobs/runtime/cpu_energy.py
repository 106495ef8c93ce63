"""The energy of a node's CPUs, by the counters that Linux shows (docs.kernel.org/power/powercap/powercap.html)."""

from __future__ import annotations

from pathlib import Path

from attnctl.files import read_regular

POWERCAP = Path("/sys/class/powercap")


class CpuEnergy:
    """The energy of all processors of this node, with all that runs there. Raises OSError if it cannot be read.

    folder: of the counters. Each counts microjoules up to a number that it names, and then from 0.
    """

    def __init__(self, folder: Path) -> None:
        zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if _text(zone / "name").startswith("package")]
        if not zones:
            raise FileNotFoundError(2, "there is no counter of a processor in it", str(folder))
        self._last = {zone: int(_text(zone / "energy_uj")) for zone in zones}
        self._range = {zone: int(_text(zone / "max_energy_range_uj")) for zone in zones}
        self._total = 0

    def joules(self) -> float:
        """What they have taken since this object was made, if it is asked every few minutes."""
        for zone, last in self._last.items():
            now = int(_text(zone / "energy_uj"))
            self._total += now - last if now >= last else now - last + self._range[zone]
            self._last[zone] = now
        return self._total / 1e6


def _text(path: Path) -> str:
    return read_regular(path).decode().strip()
