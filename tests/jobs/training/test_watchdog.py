"""The watchdog, on a real thread and on a simulated clock."""

import sys
import threading
from collections.abc import Callable

from attnctl.jobs.runtime.clock import RunningClock
from attnctl.jobs.training.watchdog import Stall, Watchdog, stall


def test_a_stalled_loop_is_reported_with_its_location() -> None:
    told: list[Stall] = []
    over = threading.Event()

    def end(found: Stall) -> None:
        told.append(found)
        over.set()

    Watchdog(end, after=0.3).start()
    assert over.wait(20)
    (found,) = told
    assert found.seconds > 0.3
    assert "test_watchdog.py" in found.where, "the line that waits for an event, not that of the library"
    assert "test_a_stalled_loop_is_reported_with_its_location" in found.stack
    assert not found.waiting


class Simulated:
    """A time that the test sets. events: what happens at the start of each sleep, by its number."""

    def __init__(self, events: dict[int, Callable[[], object]], sleeps: int) -> None:
        self.seconds = 0.0
        self.clock = RunningClock(lambda: self.seconds)
        self._events, self._sleeps, self._number = events, sleeps, 0

    def sleep(self, seconds: float) -> bool:
        self.seconds += seconds
        self._events.get(self._number, lambda: None)()
        self._number += 1
        return self._number > self._sleeps

    def pause(self, seconds: float) -> Callable[[], None]:
        """The whole process is stopped for so long."""

        def stop() -> None:
            self.seconds += seconds

        return stop


def watched(events: dict[int, str], sleeps: int, paused: float = 0.0) -> tuple[list[Stall], float]:
    """What a watchdog reports of a loop with these events at its checks, and for how long it was stopped."""
    told: list[Stall] = []
    time = Simulated({}, sleeps)
    dog = Watchdog(told.append, clock=time.clock, sleep=time.sleep)
    kinds = {"beat": dog.beat, "stop": time.pause(paused)}
    time._events = {number: kinds[kind] for number, kind in events.items()}
    time.clock.start()
    dog.watch()
    return told, dog.stopped


def test_a_loop_that_advances_is_not_reported_and_one_without_beats_is() -> None:
    assert watched(dict.fromkeys(range(1000), "beat"), 1000) == ([], 0.0)
    (found,), _ = watched(dict.fromkeys(range(10), "beat"), 1000)
    assert found.seconds == 305.0
    (found,), _ = watched({}, 1000)
    assert found.seconds == 1805.0


def test_time_in_which_the_process_itself_was_stopped_is_not_a_stall() -> None:
    beats = dict.fromkeys(range(80), "beat")
    assert watched(beats | {40: "stop"}, 80, paused=7200.0) == ([], 0.0)
    told, stopped = watched({0: "beat", 1: "stop"}, 60, paused=7200.0)
    assert (told, stopped) == ([], 7205.0), "300 s of running have not passed yet"
    (found,), _ = watched({0: "beat", 1: "stop"}, 1000, paused=7200.0)
    assert 300 < found.seconds <= 310, "a loop that does not go on after a stop is a stall"


def test_a_beat_right_after_a_stop_does_not_lengthen_the_limit() -> None:
    time = Simulated({}, 0)
    dog = Watchdog(lambda _: None, clock=time.clock)
    time.clock.start()
    time.seconds += 7200
    dog.beat()
    assert dog.limit == 300
    assert time.clock.now() == 0.0


def test_a_watchdog_that_was_stopped_reports_nothing() -> None:
    told: list[Stall] = []
    dog = Watchdog(told.append, after=0.01)
    dog.stop()
    dog.watch()
    assert told == []


def test_the_limit_follows_the_pace_between_five_minutes_and_the_given_maximum() -> None:
    dog = Watchdog(lambda _: None, after=1800)
    assert dog.limit == 1800
    dog.beat()
    assert dog.limit == 300
    dog._longest = 60.0
    assert dog.limit == 1200
    dog._longest = 1000.0
    assert dog.limit == 1800


def test_a_rank_that_waits_for_others_is_recognised_by_its_stack() -> None:
    import torch.distributed as dist
    from torch._C._distributed_c10d import (
        HashStore,  # torch.distributed exports it, but type checkers do not see it there
    )

    store = HashStore()
    ready, over = threading.Event(), threading.Event()
    frames: list[int] = []

    def wait() -> None:
        frames.append(threading.get_ident())
        dist.distributed_c10d.PrefixStore("x", store)  # so that the module is loaded
        code = compile("ready.set(); over.wait(60)", "/site-packages/torch/distributed/x.py", "exec")
        exec(code, {"ready": ready, "over": over})

    thread = threading.Thread(target=wait)
    thread.start()
    assert ready.wait(10)
    assert stall(1.0, sys._current_frames()[frames[0]]).waiting
    over.set()
    thread.join()
