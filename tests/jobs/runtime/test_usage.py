"""What a process and its devices used, by counters that these tests move."""

from __future__ import annotations

import pytest

from attnctl.jobs.runtime.usage import UsageRecorder


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Gpu:
    """The counters of a GPU. slow: seconds that reading takes."""

    def __init__(self, clock: Clock, slow: float = 0.0) -> None:
        self.clock, self.slow = clock, slow
        self.part, self.total, self.reads = 0.0, 1000.0, 0
        self.fault: Exception | None = None

    def busy(self) -> float:
        self.reads += 1
        self.clock.now += self.slow
        if self.fault is not None:
            raise self.fault
        return self.part

    def joules(self) -> float:
        return self.total


def watched(slow: float = 0.0) -> tuple[UsageRecorder, Clock, Gpu]:
    clock = Clock()
    gpu, recorder = Gpu(clock, slow), UsageRecorder(clock)
    recorder.watch(lambda: gpu, 80 << 30, None)
    return recorder, clock, gpu


def test_the_mean_utilisation_weighs_each_sample_with_its_time_and_energy_counts_from_the_start() -> None:
    recorder, clock, gpu = watched()
    clock.now, gpu.part, gpu.total = 101.0, 1.0, 1300.0
    assert recorder.sample(0.25, 1.5) == {"gpu_total": 80 << 30, "gpu_busy": 1.0, "gpu_joules": 300.0}
    clock.now, gpu.part = 104.0, 0.2
    recorder.sample(0.5, 1.25)
    clock.now, gpu.total = 110.0, 1700.0
    recorder.finish()
    assert recorder.values == {
        "gpu_total": 80 << 30,
        "gpu_busy": pytest.approx((1.0 + 3 * 0.2) / 4),
        "gpu_joules": 700.0,
        "waited": 0.5,
        "cores": 1.25,
    }
    assert not recorder.unread


def test_reading_takes_a_thousandth_of_the_time_at_most() -> None:
    recorder, clock, gpu = watched(slow=0.01)
    for _ in range(100):
        clock.now += 1.0
        recorder.sample(0.0, 1.0)
    assert 9 <= gpu.reads <= 11, "each reading of 10 ms is followed by 10 s without one"


def test_a_recorder_that_watches_nothing_reads_nothing() -> None:
    recorder = UsageRecorder()
    assert recorder.sample(0.125, 2.0) == {}
    recorder.finish()
    assert (recorder.values, recorder.unread) == ({"waited": 0.125, "cores": 2.0}, {})


def test_counters_that_cannot_be_opened_are_told_with_their_reasons() -> None:
    def no_gpu() -> Gpu:
        raise RuntimeError("this driver has no nvmlInit_v2")

    def no_rights() -> None:
        raise PermissionError(13, "Permission denied", "/sys/class/powercap/intel-rapl:0/energy_uj")

    recorder = UsageRecorder()
    recorder.watch(no_gpu, 80 << 30, no_rights)  # type: ignore[arg-type]
    assert recorder.sample(0.0, 1.0) == {"gpu_total": 80 << 30}
    assert recorder.unread == {
        "gpu_busy": "this driver has no nvmlInit_v2",
        "gpu_joules": "this driver has no nvmlInit_v2",
        "cpu_joules": "/sys/class/powercap/intel-rapl:0/energy_uj can be read by root only",
    }


def test_a_counter_that_fails_later_keeps_its_last_value_and_ends_no_training() -> None:
    recorder, clock, gpu = watched()
    clock.now, gpu.part, gpu.total = 101.0, 0.5, 1100.0
    recorder.sample(0.0, 1.0)
    gpu.fault = OSError("GPU is lost")
    clock.now, gpu.total = 102.0, 1200.0
    assert recorder.sample(0.0, 1.0) == {"gpu_total": 80 << 30, "gpu_busy": 0.5, "gpu_joules": 200.0}
    assert recorder.unread == {"gpu_busy": "GPU is lost"}
    clock.now = 103.0
    recorder.sample(0.0, 1.0)
    assert gpu.reads == 2, "it is not asked again"
