"""The watchdog on real threads: who stands still is told, who goes on is left alone."""

import threading
import time

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
    assert "threading.py" in found.where
    assert "test_a_stalled_loop_is_reported_with_its_location" in found.stack
    assert not found.waiting


def test_a_loop_that_advances_or_has_ended_is_not_reported() -> None:
    told: list[Stall] = []
    dog = Watchdog(told.append, after=2.0)
    dog.start()
    for _ in range(30):
        time.sleep(0.1)
        dog.beat()
    dog.stop()
    time.sleep(2.5)
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

    store = dist.HashStore()
    ready = threading.Event()
    frames: list[int] = []

    def wait() -> None:
        frames.append(threading.get_ident())
        ready.set()
        dist.distributed_c10d.PrefixStore("x", store)  # so that the module is loaded
        exec(compile("import time; time.sleep(3)", "/site-packages/torch/distributed/x.py", "exec"), {})

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait(10)
    time.sleep(0.5)
    import sys

    assert stall(1.0, sys._current_frames()[frames[0]]).waiting
    thread.join()
