"""How the processes of a run find each other: rank 0 opens a TCP store and writes its address to a file.

The store's port is chosen by the system, so runs on the same node do not collide. Rank 0 publishes all names and
addresses of its node, and a nonce, because a node's name can resolve to loopback, and nodes can share one host.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from torch._C._distributed_c10d import TCPStore  # torch.distributed exports it, but type checkers do not see it there
from torch.distributed import DistError

from attnctl.files import write_atomic
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.slurm.sbatch import CHOSEN_INTERFACE
from attnctl.workspace.layout import Incarnation
from attnctl.workspace.records import Record, RecordError

# Ours, because torch's own ways do not fit. env://, and torchrun on several nodes, need a port chosen before the start,
# and two runs on one node can choose the same. file:// needs locks on the shared file system, and a file without
# traces of an earlier start (torch.distributed's documentation, "Shared file-system initialization").

TIMEOUT = 600.0
"""Seconds until all ranks must have arrived: importing torch from a busy file system can take minutes."""

NEVER = timedelta(days=30)
"""The time-out of the store and of each collective. It never ends a training: every rank's watchdog does, whose clock
stands still while the job is suspended, unlike those of the store, gloo and NCCL."""

_POLL_INTERVAL = 0.05
_CONNECT_TIMEOUT = 5.0
_NONCE = "nonce"


class RendezvousError(RuntimeError):
    """Some ranks did not arrive; the message names them. The cause is the failure of another rank.

    outcome: that of the rank that has ended; empty if none has.
    """

    def __init__(self, message: str, outcome: str = "") -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class Address(Record):
    """Where rank 0's store listens. hosts: names and addresses, to be tried in this order."""

    hosts: list[str]
    port: int
    nonce: str


def meet(
    worker: Worker,
    incarnation: Incarnation,
    check: Callable[[], None],
    timeout: float = TIMEOUT,
    now: Callable[[], float] = time.monotonic,
) -> TCPStore | None:
    """Return the store shared by all ranks of this incarnation when all have arrived; None for a single process.

    check: called while waiting; may raise. now: a monotonic clock, in seconds. Sets GLOO_SOCKET_IFNAME unless it is set
    already. Raises RendezvousError.
    """
    if worker.world == 1:
        return None
    wait = _Waiting(incarnation, check, now, now() + timeout)
    store = _open(worker, incarnation, check) if worker.rank == 0 else _join(worker, incarnation, wait)
    store.set_timeout(NEVER)
    store.set(_key(worker.rank), _network())
    missing = list(range(worker.world))
    while missing := [rank for rank in missing if not store.check([_key(rank)])]:
        wait.once(f"ranks {', '.join(map(str, missing))} of {worker.world} did not arrive")
    networks = {store.get(_key(rank)) for rank in range(worker.world)}
    if "GLOO_SOCKET_IFNAME" not in os.environ:
        interface = _interface(shared=len(networks) == 1)
        os.environ |= {"GLOO_SOCKET_IFNAME": interface, CHOSEN_INTERFACE: interface}
    return store


class _Waiting:
    """Waits in small intervals, until a deadline, a signal, or the exit record of another rank."""

    def __init__(
        self, incarnation: Incarnation, check: Callable[[], None], now: Callable[[], float], deadline: float
    ) -> None:
        self._incarnation, self._check, self._now, self._deadline = incarnation, check, now, deadline
        self._next_look = now() + 1

    def once(self, problem: str) -> None:
        self._check()
        now = self._now()
        if now > self._deadline:
            raise RendezvousError(f"{problem} before the rendezvous timed out")
        if now > self._next_look:
            self._next_look = now + 1
            exits = self._incarnation.exits()
            if exits:
                message = f"{problem}: rank {exits[0].rank} has ended ({exits[0].outcome})"
                raise RendezvousError(message, exits[0].outcome)
        time.sleep(_POLL_INTERVAL)


def _key(rank: int) -> str:
    return f"network/{rank}"


def _open(worker: Worker, incarnation: Incarnation, check: Callable[[], None]) -> TCPStore:
    store = TCPStore("localhost", 0, worker.world, is_master=True, wait_for_workers=False)
    address = Address(hosts=_names(worker.node), port=store.port, nonce=uuid.uuid4().hex)
    store.set(_NONCE, address.nonce)
    disk_full.retry_while_disk_full(lambda: write_atomic(incarnation.rendezvous, address.encode()), check)
    return store


def _join(worker: Worker, incarnation: Incarnation, wait: _Waiting) -> TCPStore:
    while True:
        address = _published(incarnation.rendezvous)
        if address is not None:
            for host in address.hosts:
                store = _connect(host, address, worker.world)
                if store is not None:
                    return store
        wait.once("rank 0 could not be reached" + (f" at {', '.join(address.hosts)}" if address else ""))


def _published(path: Path) -> Address | None:
    # Read it without checking for existence first: opening a file makes an NFS client revalidate its cache (nfs(5)).
    with contextlib.suppress(RecordError):
        return Address.read(path)
    return None


def _connect(host: str, address: Address, world: int) -> TCPStore | None:
    """Connect to the store at this host; None if it is not ours: through loopback, the port may belong to another."""
    try:
        socket.create_connection((host, address.port), _CONNECT_TIMEOUT).close()
        store = TCPStore(
            host,
            address.port,
            world,
            is_master=False,
            wait_for_workers=False,
            timeout=timedelta(seconds=_CONNECT_TIMEOUT),
        )
        if not store.check([_NONCE]) or store.get(_NONCE).decode() != address.nonce:
            return None
    except (OSError, DistError):
        return None
    return store


def _names(node: str) -> list[str]:
    """The names and addresses of this node, most useful first; loopback last, for ranks on the same host."""
    return list(dict.fromkeys([node, socket.gethostname(), _own_address(), "127.0.0.1"]))


def _own_address() -> str:
    """The address of the interface with the default route, or loopback if there is none. Sends no packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address reserved for documentation (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _network() -> str:
    """An identifier that is equal for processes that share loopback: the boot id and the network namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return json.dumps([boot, Path("/proc/self/ns/net").stat().st_ino])
    except OSError:
        return json.dumps([socket.gethostname(), uuid.getnode()])


def _interface(*, shared: bool) -> str:
    """The network interface for gloo. Its own default is the interface that the host's name resolves to."""
    wanted = "127.0.0.1" if shared else _own_address()
    for name, addresses in psutil.net_if_addrs().items():
        if any(item.address == wanted for item in addresses):
            return name
    return "lo"
