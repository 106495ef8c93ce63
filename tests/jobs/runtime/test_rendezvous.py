"""How ranks find each other, and what they say when they do not."""

import threading
import time
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.runtime.rendezvous import Address, RendezvousError, meet
from attnctl.workspace.layout import Incarnation


def worker(rank: int, world: int) -> Worker:
    return Worker.from_environment({"ATTNCTL_JOB_ID": "h:1", "RANK": str(rank), "WORLD_SIZE": str(world)}, 0)


def nothing() -> None:
    pass


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


def test_ranks_meet_even_if_the_file_is_stale_at_first(tmp_path: Path) -> None:
    incarnation = Incarnation(tmp_path, (1, 0))
    write_atomic(incarnation.rendezvous, Address(hosts=["127.0.0.1"], port=1, nonce="old").encode())
    stores = {}
    late = threading.Thread(target=lambda: stores.update({1: meet(worker(1, 2), incarnation, nothing, 20)}))
    late.start()
    time.sleep(0.2)
    stores[0] = meet(worker(0, 2), incarnation, nothing, 20)
    late.join()
    assert stores[0] is not None
    assert stores[1] is not None
    stores[0].set("word", "heard")
    assert stores[1].get("word") == b"heard"


def test_one_process_needs_no_rendezvous(tmp_path: Path) -> None:
    assert meet(worker(0, 1), Incarnation(tmp_path, (1, 0)), nothing) is None
    assert not list(tmp_path.iterdir())


def test_missing_ranks_are_named(tmp_path: Path) -> None:
    incarnation = Incarnation(tmp_path, (1, 0))
    with pytest.raises(RendezvousError, match="ranks 1, 2 of 3 did not arrive"):
        meet(worker(0, 3), incarnation, nothing, 0.3)
    with pytest.raises(RendezvousError, match="rank 0 could not be reached"):
        meet(worker(1, 3), Incarnation(tmp_path / "other", (1, 0)), nothing, 0.3)
