"""What a process and its devices use while it trains: read once per second at most, between two steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attnctl.jobs.runtime.gpu_counters import GpuCounters

_SHARE = 1000
"""After a reading the next one waits this many times as long as it took, so that reading costs 0.1 % at most."""


class UsageRecorder:
    """Sums up what the counters say. Reads nothing before `watch`; what cannot be read is in `unread`, with the reason.

    values: waited and cores (the last of `sample`), gpu_busy (the mean, from 0 to 1), gpu_total (the bytes of the GPU),
    gpu_joules and cpu_joules (since `watch`). The GPU's and the CPUs' values are of the whole device, whoever uses it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.values: dict[str, float] = {}
        self.unread: dict[str, str] = {}
        self._gpu: GpuCounters | None = None
        self._energy: dict[str, tuple[Callable[[], float], float]] = {}
        self._busy = self._seconds = 0.0
        self._last = self._next = 0.0

    def watch(
        self, gpu: Callable[[], GpuCounters] | None, gpu_total: int, cpu: Callable[[], Callable[[], float]] | None
    ) -> None:
        """Begin to read. gpu: opens the counters of the process's GPU. cpu: opens the energy of this node's CPUs, in
        the one process of a node that reads it."""
        if gpu is not None:
            self.values["gpu_total"] = float(gpu_total)
            try:
                self._gpu = gpu()
                self._count("gpu_joules", self._gpu.joules)
            except Exception as error:  # a driver's library: no fault of it may end a training
                self.unread["gpu_busy"] = self.unread["gpu_joules"] = _reason(error)
        if cpu is not None:
            try:
                self._count("cpu_joules", cpu())
            except (OSError, ValueError) as error:
                self.unread["cpu_joules"] = _reason(error)
        self._last = self._now()

    def _count(self, name: str, joules: Callable[[], float]) -> None:
        try:
            self._energy[name] = joules, joules()
        except Exception as error:  # as above
            self.unread[name] = _reason(error)

    def sample(self, waited: float, cores: float) -> dict[str, float]:
        """Take the counters into account; returns the values of the devices. The rest is of the process's loader."""
        self.values |= {"waited": round(waited, 4), "cores": round(cores, 2)}
        if self._now() >= self._next:
            self._read(busy=True)
        return {name: value for name, value in self.values.items() if name not in {"waited", "cores"}}

    def finish(self) -> None:
        """Take in what the devices have used since the last sample: the GPU need not be training then."""
        self._read(busy=False)

    def _read(self, *, busy: bool) -> None:
        if self._gpu is None and not self._energy:
            return
        started = self._now()
        if busy and self._gpu is not None and "gpu_busy" not in self.unread:
            try:
                self._busy += self._gpu.busy() * (started - self._last)
                self._seconds += started - self._last
                self.values["gpu_busy"] = round(self._busy / max(self._seconds, 1e-9), 4)
            except Exception as error:  # as above
                self.unread["gpu_busy"] = _reason(error)
        for name, (joules, before) in list(self._energy.items()):
            try:
                self.values[name] = round(joules() - before, 1)
            except Exception as error:  # as above
                self.unread[name] = _reason(error)
                del self._energy[name]
        self._last = self._now()
        self._next = self._last + _SHARE * (self._last - started)


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{error.filename} can be read by root only"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
