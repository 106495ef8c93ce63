"""How ranks find each other, what they say when they do not, and that nobody else gets in."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch._C._distributed_c10d import FileStore  # torch.distributed exports it, but type checkers do not see it there

from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.runtime.rendezvous import RendezvousError, locks_on_one_node, meet
from attnctl.jobs.training.failure import classify
from attnctl.values import SpecError
from attnctl.workspace.file_systems import Mount
from attnctl.workspace.layout import Incarnation
from tests.fixtures.small_disk import fill
from tests.jobs.training.training_workers import answers_of

NOBODY = 65534
INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "ATTNCTL_INTERFACES")


def worker(rank: int, world: int) -> Worker:
    return Worker.from_environment({"ATTNCTL_JOB_ID": "h:1", "RANK": str(rank), "WORLD_SIZE": str(world)}, 0)


def nothing() -> None:
    pass


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Interfaces that a test chooses are chosen for that test alone."""
    before = {name: os.environ.pop(name, None) for name in INTERFACES}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def all_meet(incarnation: Incarnation, world: int) -> list[FileStore]:
    with ThreadPoolExecutor(world) as pool:
        stores = list(pool.map(lambda rank: meet(worker(rank, world), incarnation, nothing, 20), range(world)))
    return [store for store in stores if store is not None]


def test_ranks_meet_even_if_the_file_of_an_earlier_start_is_there_at_first(tmp_path: Path) -> None:
    incarnation = Incarnation(tmp_path, (1, 0))
    all_meet(incarnation, 2)[0].set("word", "stale")
    stores = {}
    late = threading.Thread(target=lambda: stores.update({1: meet(worker(1, 2), incarnation, nothing, 20)}))
    late.start()
    time.sleep(0.2)
    stores[0] = meet(worker(0, 2), incarnation, nothing, 20)
    late.join()
    assert stores[0] is not None
    assert stores[1] is not None
    assert not stores[1].check(["word"])
    stores[0].set("word", "heard")
    assert stores[1].get("word") == b"heard"


def test_ranks_on_a_full_disk_wait_for_space_and_meet(disk: Path) -> None:
    incarnation = Incarnation(disk, (1, 0))
    incarnation.path.mkdir(parents=True, exist_ok=True)
    filler = fill(disk)
    free_space = threading.Timer(1.5, filler.unlink)
    began = time.monotonic()
    free_space.start()
    stores = all_meet(incarnation, 2)
    assert time.monotonic() - began >= 1.5
    stores[0].set("word", "heard")
    assert stores[1].get("word") == b"heard"


def test_a_disk_that_stays_full_is_no_error_of_the_code(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    incarnation = Incarnation(disk, (1, 0))
    incarnation.path.mkdir(parents=True, exist_ok=True)
    fill(disk)
    monkeypatch.setattr(disk_full.retry_while_disk_full, "__defaults__", (nothing, 0.5))
    with pytest.raises((OSError, RuntimeError)) as raised:
        meet(worker(0, 2), incarnation, nothing, 20)
    assert classify(raised.value).outcome == "disk full"


def test_one_process_needs_no_rendezvous(tmp_path: Path) -> None:
    assert meet(worker(0, 1), Incarnation(tmp_path, (1, 0)), nothing) is None
    assert not list(tmp_path.iterdir())


def test_missing_ranks_are_named(tmp_path: Path) -> None:
    incarnation = Incarnation(tmp_path, (1, 0))
    with pytest.raises(RendezvousError, match="ranks 1, 2 of 3 did not arrive"):
        meet(worker(0, 3), incarnation, nothing, 0.3)
    with pytest.raises(RendezvousError, match="rank 2 of 3 did not arrive"):
        meet(worker(1, 3), incarnation, nothing, 0.3)
    (tmp_path / "other").mkdir()
    with pytest.raises(RendezvousError, match="rank 0 could not be reached"):
        meet(worker(1, 3), Incarnation(tmp_path / "other", (1, 0)), nothing, 0.3)


# ---------------------------------------------------------------------------------------------------------- strangers


def listening() -> list[str]:
    """The addresses on which this process accepts connections."""
    connections = psutil.Process().net_connections("inet")
    return [item.laddr.ip for item in connections if item.status == psutil.CONN_LISTEN]


def test_ranks_that_meet_open_no_port_and_choose_loopback_on_one_node(tmp_path: Path) -> None:
    before = listening()
    assert len(all_meet(Incarnation(tmp_path, (1, 0)), 4)) == 4
    assert listening() == before
    assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"
    assert os.environ["NCCL_SOCKET_IFNAME"] == "=lo"
    assert os.environ["ATTNCTL_INTERFACES"] == "GLOO_SOCKET_IFNAME NCCL_SOCKET_IFNAME"


def test_interfaces_that_the_user_chose_stay(tmp_path: Path) -> None:
    os.environ |= {"GLOO_SOCKET_IFNAME": "ib0", "NCCL_SOCKET_IFNAME": "ib"}
    all_meet(Incarnation(tmp_path, (1, 0)), 2)
    assert [os.environ.get(name) for name in INTERFACES] == ["ib0", "ib", None]


def rank_of_four(rank: int, folder: Path, answers: Any) -> None:
    torch.set_num_threads(1)
    for name in INTERFACES:
        os.environ.pop(name, None)
    group = Group(rank, 4, torch.device("cpu"), meet(worker(rank, 4), Incarnation(folder, (1, 0)), nothing))
    answers.put((rank, group.maximum([rank])[0], listening()))
    group.close()


def test_four_processes_of_one_node_meet_and_accept_connections_from_this_node_alone(tmp_path: Path) -> None:
    found = sorted(answers_of(rank_of_four, 4, tmp_path))
    assert [(rank, maximum) for rank, maximum, _ in found] == [(rank, 3) for rank in range(4)]
    assert {address for *_, addresses in found for address in addresses} == {"127.0.0.1"}


STRANGER = """
import sys
from torch._C._distributed_c10d import FileStore
path = sys.argv[1]
for attempt in (lambda: open(path, "rb").read(), lambda: open(path, "ab"), lambda: FileStore(path, 2)):
    try:
        print("got in:", attempt())
    except (OSError, RuntimeError) as error:
        print(type(error).__name__, "Permission denied" in str(error))
"""


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that every user of the machine can write."""
    if os.getuid() != 0:
        pytest.skip("only root can act as a second user")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)
    return tmp_path


def as_nobody(*command: str) -> str:
    prefix = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    return subprocess.run([*prefix, *command], check=True, capture_output=True, text=True, timeout=120).stdout


def test_another_user_can_neither_read_nor_write_nor_join(open_folder: Path) -> None:
    incarnation = Incarnation(open_folder, (1, 0))
    all_meet(incarnation, 2)
    assert stat.S_IMODE(incarnation.rendezvous.stat().st_mode) == 0o600
    before = incarnation.rendezvous.read_bytes()
    denied = as_nobody(sys.executable, "-c", STRANGER, str(incarnation.rendezvous))
    assert "got in" not in denied
    assert denied.count(" True") == 3
    assert incarnation.rendezvous.read_bytes() == before


@pytest.mark.parametrize("attack", ["a file of theirs", "a link to a file of theirs", "a FIFO", "a file of ours"])
def test_a_file_that_another_user_can_write_is_refused(open_folder: Path, attack: str) -> None:
    incarnation = Incarnation(open_folder, (1, 0))
    path = incarnation.rendezvous
    commands = {
        "a file of theirs": f"umask 077; : > {path}",
        "a link to a file of theirs": f"umask 077; : > {open_folder}/theirs; ln -s theirs {path}",
        "a FIFO": f"mkfifo -m 600 {path}",
        "a file of ours": "true",
    }
    as_nobody("sh", "-c", commands[attack])
    if attack == "a file of ours":
        path.touch(0o666)
        path.chmod(0o666)
    with pytest.raises(SpecError, match=r"\.rendezvous is not rank 0's file"):
        meet(worker(1, 2), incarnation, nothing, 5)


def test_a_file_that_is_replaced_after_the_meeting_changes_nothing(open_folder: Path) -> None:
    incarnation = Incarnation(open_folder, (1, 0))
    stores = all_meet(incarnation, 2)
    as_nobody("sh", "-c", f"rm -f {incarnation.rendezvous}; : > {incarnation.rendezvous}")
    stores[0].set("word", "heard")
    assert stores[1].get("word") == b"heard"
    assert incarnation.rendezvous.read_bytes() == b""


@pytest.mark.parametrize(
    ("options", "one_node"),
    [
        ({"rw", "vers=4.2", "local_lock=none"}, False),
        ({"rw", "flock", "lazystatfs"}, False),
        ({"rw", "vers=3", "nolock", "local_lock=all"}, True),
        ({"rw", "local_lock=flock"}, True),
        ({"rw", "localflock"}, True),
    ],
)
def test_mounts_whose_locks_hold_on_one_node_only_are_known(options: set[str], one_node: bool) -> None:
    assert locks_on_one_node(Mount("nfs", Path("/n"), frozenset(options))) is one_node
