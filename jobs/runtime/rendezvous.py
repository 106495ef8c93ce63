"""How the processes of a run find each other: through a store that rank 0 opens and a file that says where it is.

No port is fixed beforehand, so runs that share a node never meet. Rank 0 publishes every name and address by which its
node may be known, with a nonce: a node's name can resolve to loopback, and nodes can share one host.
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
from torch._C._distributed_c10d import TCPStore  # torch.distributed has it too, but not for type checkers
from torch.distributed import DistError

from attnctl.files import write_atomic
from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.rank import Place
from attnctl.workspace.layout import Incarnation
from attnctl.workspace.records import Record, RecordError

# Ours, because torch's own ways do not fit. env://, and torchrun on several nodes, need a port chosen before the start,
# and two runs on one node can choose the same. file:// needs locks on the shared file system, and a file without
# traces of an earlier start (torch.distributed's documentation, "Shared file-system initialization").

TIMEOUT = 600.0
"""Seconds for all ranks to arrive: importing torch from a busy file system can take minutes."""

_POLL = 0.05
_CONNECT = 5.0
_NONCE = "nonce"


class RendezvousError(RuntimeError):
    """Some ranks did not come; the message names them. Another rank's end is the cause."""


@dataclass(frozen=True, kw_only=True)
class Address(Record):
    """Where rank 0's store listens. `hosts`: names and addresses to try in turn."""

    hosts: list[str]
    port: int
    nonce: str


def meet(
    place: Place, incarnation: Incarnation, check: Callable[[], None], timeout: float = TIMEOUT
) -> TCPStore | None:
    """The store that all ranks of this incarnation share, once all have come; None for a single process.

    check: called while waiting; may raise. Sets GLOO_SOCKET_IFNAME unless the user did. Raises RendezvousError.
    """
    if place.world == 1:
        return None
    wait = _Waiting(incarnation, check, time.monotonic() + timeout)
    store = _open(place, incarnation, check) if place.rank == 0 else _join(place, incarnation, wait)
    store.set(_key(place.rank), _network())
    missing = list(range(place.world))
    while missing := [rank for rank in missing if not store.check([_key(rank)])]:
        wait.once(f"ranks {', '.join(map(str, missing))} of {place.world} did not arrive")
    networks = {store.get(_key(rank)) for rank in range(place.world)}
    os.environ.setdefault("GLOO_SOCKET_IFNAME", _interface(shared=len(networks) == 1))
    return store


class _Waiting:
    """Waits a little at a time, until a deadline, a signal, or another rank's exit record."""

    def __init__(self, incarnation: Incarnation, check: Callable[[], None], deadline: float) -> None:
        self._incarnation, self._check, self._deadline = incarnation, check, deadline
        self._look = time.monotonic() + 1

    def once(self, words: str) -> None:
        self._check()
        now = time.monotonic()
        if now > self._deadline:
            raise RendezvousError(f"{words} within the time for the rendezvous")
        if now > self._look:
            self._look = now + 1
            ended = self._incarnation.exits()
            if ended:
                raise RendezvousError(f"{words}: rank {ended[0].rank} has ended ({ended[0].outcome})")
        time.sleep(_POLL)


def _key(rank: int) -> str:
    return f"network/{rank}"


def _open(place: Place, incarnation: Incarnation, check: Callable[[], None]) -> TCPStore:
    store = TCPStore("localhost", 0, place.world, is_master=True, wait_for_workers=False)
    address = Address(hosts=_names(place.node), port=store.port, nonce=uuid.uuid4().hex)
    store.set(_NONCE, address.nonce)
    disk_full.retry_while_disk_full(lambda: write_atomic(incarnation.rendezvous, address.encode()), check)
    return store


def _join(place: Place, incarnation: Incarnation, wait: _Waiting) -> TCPStore:
    while True:
        address = _published(incarnation.rendezvous)
        if address is not None:
            for host in address.hosts:
                store = _connect(host, address, place.world)
                if store is not None:
                    return store
        wait.once("rank 0 could not be reached" + (f" at {', '.join(address.hosts)}" if address else ""))


def _published(path: Path) -> Address | None:
    # Opened rather than looked for: opening makes an NFS client ask the server again.
    with contextlib.suppress(RecordError):
        return Address.read(path)
    return None


def _connect(host: str, address: Address, world: int) -> TCPStore | None:
    """The store at this host when it is ours: behind a name that means loopback may be someone else's port."""
    try:
        socket.create_connection((host, address.port), _CONNECT).close()
        store = TCPStore(
            host,
            address.port,
            world,
            is_master=False,
            wait_for_workers=False,
            timeout=timedelta(seconds=_CONNECT),
        )
        if not store.check([_NONCE]) or store.get(_NONCE).decode() != address.nonce:
            return None
    except (OSError, DistError):
        return None
    store.set_timeout(timedelta(seconds=TIMEOUT))
    return store


def _names(node: str) -> list[str]:
    """What other nodes may reach this one by, likeliest first; loopback last, for those on the same host."""
    return list(dict.fromkeys([node, socket.gethostname(), _own_address(), "127.0.0.1"]))


def _own_address() -> str:
    """The address of the interface with the default route; loopback when there is none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address for documentation
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _network() -> str:
    """What is equal for processes that reach each other by loopback: the kernel's boot and the network namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return json.dumps([boot, Path("/proc/self/ns/net").stat().st_ino])
    except OSError:
        return json.dumps([socket.gethostname(), uuid.getnode()])


def _interface(*, shared: bool) -> str:
    """The network interface that gloo shall use: by itself it takes what the host's name resolves to."""
    wanted = "127.0.0.1" if shared else _own_address()
    for name, addresses in psutil.net_if_addrs().items():
        if any(item.address == wanted for item in addresses):
            return name
    return "lo"
