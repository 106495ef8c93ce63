"""How the processes of a run find each other: through a file of the incarnation that only its user can open.

The file is torch's FileStore. It replaces a TCP store, which any process that reaches its port can read and write. So
nobody but the user (and root) can join a run, and no port is open before the ranks of the run have met.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import stat
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil
from torch._C._distributed_c10d import FileStore  # torch.distributed exports it, but type checkers do not see it there

from attnctl.jobs.runtime import disk_full
from attnctl.jobs.runtime.clock import NEVER
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.slurm.sbatch import CHOSEN_INTERFACES
from attnctl.values import SpecError
from attnctl.workspace.file_systems import Mount, mount_of
from attnctl.workspace.layout import Incarnation
from attnctl.workspace.records import Record, RecordError

R = TypeVar("R", bound=Record)

# torch's own ways do not fit. env://, and torchrun on several nodes, need a port chosen before the start, which two
# runs on one node can choose alike, and which strangers reach. file:// needs a file without traces of an earlier start
# (torch.distributed's documentation, "Shared file-system initialization"): here rank 0 makes a new one, and each rank
# makes sure that rank 0 of the same start has answered it.

TIMEOUT = 600.0
"""Seconds until all ranks must have arrived: importing torch from a busy file system can take minutes."""

_POLL_INTERVAL = 0.05
_ROLL = "roll"
_ONE_NODE_LOCKS = frozenset({"nolock", "local_lock=all", "local_lock=flock", "localflock"})
"""Mount options under which flock(2) holds on one node only: of NFS (nfs(5)) and of Lustre (mount.lustre(8))."""


class RendezvousError(RuntimeError):
    """Some ranks did not arrive; the message names them. The cause is the failure of another rank.

    outcome: that of the rank that has ended; empty if none has.
    """

    def __init__(self, message: str, outcome: str = "") -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class Arrival(Record):
    """A rank's first entry. nonce: new at each start; network: equal for processes that share loopback."""

    nonce: str
    network: str


@dataclass(frozen=True, kw_only=True)
class Roll(Record):
    """Rank 0's answer when all ranks have arrived. nonces: of all ranks; shared: all of them share loopback."""

    nonces: list[str]
    shared: bool


def meet(
    worker: Worker,
    incarnation: Incarnation,
    check: Callable[[], None],
    timeout: float = TIMEOUT,
    now: Callable[[], float] = time.monotonic,
) -> FileStore | None:
    """Return the store shared by all ranks of this incarnation when all have arrived; None for a single process.

    check: called while waiting; may raise. now: a monotonic clock, in seconds. Sets GLOO_SOCKET_IFNAME, and
    NCCL_SOCKET_IFNAME if all ranks are on one node, unless they are set already. Raises RendezvousError, OSError, and
    SpecError for a file system without locks, and for a file that somebody else can write.
    """
    if worker.world == 1:
        return None
    wait = _Waiting(incarnation, check, now, now() + timeout)
    arrival = Arrival(nonce=uuid.uuid4().hex, network=_network())
    gather = _lead if worker.rank == 0 else _follow
    store, roll = gather(worker, incarnation.rendezvous, arrival, wait)
    store.set_timeout(NEVER)
    _choose_interfaces(shared=roll.shared)
    return store


class _Waiting:
    """Waits in small intervals, until a deadline, a signal, or the exit record of another rank."""

    def __init__(
        self, incarnation: Incarnation, check: Callable[[], None], now: Callable[[], float], deadline: float
    ) -> None:
        self._incarnation, self.check, self._now, self._deadline = incarnation, check, now, deadline
        self._next_look = now() + 1

    def once(self, problem: Callable[[], str]) -> None:
        """problem: says what is waited for; called only when the waiting ends in an error."""
        self.check()
        now = self._now()
        if now > self._deadline:
            raise RendezvousError(f"{problem()} before the rendezvous timed out")
        if now > self._next_look:
            self._next_look = now + 1
            exits = self._incarnation.exits()
            if exits:
                message = f"{problem()}: rank {exits[0].rank} has ended ({exits[0].outcome})"
                raise RendezvousError(message, exits[0].outcome)
        time.sleep(_POLL_INTERVAL)


# ----------------------------------------------------------------------------------------------------------- the ranks


def _lead(worker: Worker, path: Path, arrival: Arrival, wait: _Waiting) -> tuple[FileStore, Roll]:
    """Rank 0: make the file, wait for all ranks, and answer them."""
    descriptor = disk_full.retry_while_disk_full(lambda: _create(path), wait.check)
    store = _store(descriptor, path, worker.world, wait.check)
    _set(store, _key(0), arrival, wait.check)
    while not store.check([_key(rank) for rank in range(worker.world)]):
        wait.once(lambda: _did_not_arrive(store, worker.world))
    arrivals = [_read(Arrival, store, _key(rank)) for rank in range(worker.world)]
    roll = Roll(nonces=[item.nonce for item in arrivals], shared=len({item.network for item in arrivals}) == 1)
    mount = mount_of(path)
    if not roll.shared and mount is not None and locks_on_one_node(mount):
        raise SpecError(
            f"{mount.folder} is mounted so that file locks hold on one node only; "
            "runs on several nodes need [paths] runs on a file system whose locks hold on all nodes"
        )
    _set(store, _ROLL, roll, wait.check)
    return store, roll


def _follow(worker: Worker, path: Path, arrival: Arrival, wait: _Waiting) -> tuple[FileStore, Roll]:
    """The other ranks: open rank 0's file, and wait for an answer in it that names this very start of this rank."""
    store: FileStore | None = None
    opened: tuple[int, int] | None = None
    while True:
        if opened is None or _identity(path) not in {opened, None}:  # the file of an earlier start was replaced
            descriptor = _open(path)
            if descriptor is not None:
                opened, store = _identity(descriptor), _store(descriptor, path, worker.world, wait.check)
                _set(store, _key(worker.rank), arrival, wait.check)
        if store is not None and store.check([_ROLL]):
            roll = _read(Roll, store, _ROLL)
            if roll.nonces[worker.rank : worker.rank + 1] == [arrival.nonce]:
                return store, roll
        wait.once(partial(_did_not_arrive, store, worker.world))


def _did_not_arrive(store: FileStore | None, world: int) -> str:
    missing = [rank for rank in range(world) if store is not None and not store.check([_key(rank)])]
    if not missing:
        return "rank 0 could not be reached"
    return f"{'ranks' if len(missing) > 1 else 'rank'} {', '.join(map(str, missing))} of {world} did not arrive"


def _key(rank: int) -> str:
    return f"rank/{rank}"


def _read(kind: type[R], store: FileStore, key: str) -> R:
    try:
        return kind.decode(store.get(key), f"entry {key} of the rendezvous")
    except RecordError as error:
        raise RendezvousError(str(error)) from error


# ------------------------------------------------------------------------------------------------------------ the file


def _create(path: Path) -> int:
    """Create the file again, readable and writable by its owner only; returns its descriptor."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        aside.replace(path)
    except BaseException:
        os.close(descriptor)
        aside.unlink(missing_ok=True)
        raise
    return descriptor


def _open(path: Path) -> int | None:
    """The descriptor of rank 0's file, or None if it does not exist yet. Raises SpecError if others can write it.

    Open it without checking for existence first: opening a file makes an NFS client revalidate its cache (nfs(5)).
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ESTALE}:
            return None
        raise SpecError(f"{path} is not rank 0's file: {error.strerror}") from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == _own_uid(path.parent) and not status.st_mode & 0o077:
        return descriptor
    os.close(descriptor)
    raise SpecError(
        f"{path} is not rank 0's file: it belongs to uid {status.st_uid} and its mode is "
        f"{stat.filemode(status.st_mode)}; it must be a file of yours that nobody else can open"
    )


def _own_uid(folder: Path) -> int:
    """The uid that our new files get in this folder: a network file system can map it to another one than ours."""
    probe = folder / f".owner.{uuid.uuid4().hex}"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        return os.fstat(descriptor).st_uid
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)


def _set(store: FileStore, key: str, entry: Record, check: Callable[[], None]) -> None:
    """Write an entry, when there is space. Raises what `check` raises."""
    disk_full.retry_while_disk_full(lambda: store.set(key, entry.encode().decode()), check)


def _store(descriptor: int, path: Path, world: int, check: Callable[[], None]) -> FileStore:
    """A store in the open file, when there is space. The descriptor stays open until the process ends.

    The store opens its path for each access, so it gets one that leads to this file whatever `path` names by then. It
    cannot delete that path when the last rank leaves, so the file remains.
    """
    try:
        return disk_full.retry_while_disk_full(lambda: FileStore(f"/proc/self/fd/{descriptor}", world), check)
    except RuntimeError as error:
        if disk_full.is_full(error):
            raise
        raise SpecError(f"{path} cannot be locked, which its file system must allow: {error}") from error


def _identity(file: Path | int) -> tuple[int, int] | None:
    """Device and inode of a file; None if there is none."""
    with contextlib.suppress(OSError):
        status = os.lstat(file) if isinstance(file, Path) else os.fstat(file)
        return status.st_dev, status.st_ino
    return None


def locks_on_one_node(mount: Mount) -> bool:
    """Whether locks of this mount hold on one node only."""
    return not _ONE_NODE_LOCKS.isdisjoint(mount.options)


# --------------------------------------------------------------------------------------------------------- the network


def _choose_interfaces(*, shared: bool) -> None:
    """Set the interfaces of gloo and NCCL: loopback alone if all ranks share it. What the user has set stays."""
    interface = _interface(shared=shared)
    wanted = {"GLOO_SOCKET_IFNAME": interface}
    if shared:
        wanted["NCCL_SOCKET_IFNAME"] = f"={interface}"  # without "=" NCCL takes it as a prefix of names
    chosen = {name: value for name, value in wanted.items() if name not in os.environ}
    if chosen:
        os.environ |= {**chosen, CHOSEN_INTERFACES: " ".join(chosen)}


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
