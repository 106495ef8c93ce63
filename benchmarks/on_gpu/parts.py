"""Runs parts in processes of their own, until the time is over: what crashes or hangs costs its own row only."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from on_gpu.rows import Row

if TYPE_CHECKING:
    import torch

    from attnctl.jobs.runtime.group import Group

START = 15.0
"""Seconds that a process needs before its first row: to import torch and to reach the GPU."""

GRACE = 5.0
"""Seconds for a row that was begun in time; then its process is killed."""


@dataclass
class Context:
    """Where an item runs. deadline: of `time.monotonic()`, which all processes share. store: the file
    by which several ranks meet."""

    device: str
    quick: bool
    deadline: float
    rank: int = 0
    world: int = 1
    store: str = ""
    group: Group | None = None
    slowest: dict[str, float] = field(default_factory=dict)

    @property
    def place(self) -> torch.device:
        """This rank's device."""
        import torch

        return torch.device(self.device, self.rank) if self.device == "cuda" else torch.device(self.device)

    def fits(self, item: Item) -> bool:
        """Whether the time that is left is enough for the item, alike on all ranks."""
        fits = time.monotonic() + self.slowest.get(item.kind, item.seconds) < self.deadline
        return self.group.broadcast(fits) if self.group is not None else fits


Work = Callable[[Context, Sequence[Row]], list[Row]]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to measure.

    empty: its rows before they are measured; they name it when it is skipped. work: measures them; a function that can
    be pickled. kind: items of a kind take about as long. seconds: of the first of its kind. smaller: what is measured
    instead when it fails.
    """

    empty: Sequence[Row]
    work: Work
    kind: str
    seconds: float
    smaller: Sequence[Item] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items that run one after the other in one process, or in several that form a group. missing: why it cannot."""

    items: Sequence[Item]
    processes: int = 1
    missing: str = ""


def run(part: Part, context: Context) -> Iterator[list[Row]]:
    """The rows of each item. A process that dies is replaced by a new one for the items that are left."""
    if part.missing:
        for item in part.items:
            yield _skipped(item, part.missing)
        return
    left, fruitless = list(part.items), 0
    while left:
        reason = "no time left" if time.monotonic() + START > context.deadline else ""
        if fruitless == 2:
            reason = "its process failed twice in a row"
        if reason:
            for item in left:
                yield _skipped(item, reason)
            return
        fruitless += 1
        for rows in _launched(tuple(left), part.processes, context):
            item = left.pop(0)
            if not rows[0].failed:
                fruitless = 0
            elif item.smaller:
                left[:0] = item.smaller
                break
            yield rows


def _skipped(item: Item, reason: str) -> list[Row]:
    return [replace(row, skipped=reason) for row in item.empty]


def _launched(items: Sequence[Item], processes: int, context: Context) -> Iterator[list[Row]]:
    """The rows of the first items: of all unless a process ends early, but at least of one."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    folder = tempfile.mkdtemp()
    started: list[Any] = []
    try:
        for rank in range(processes):
            alone = replace(context, rank=rank, world=processes, store=str(Path(folder) / "store"))
            process = spawn.Process(target=_work, args=(items, alone, theirs if rank == 0 else None))
            process.start()
            started.append(process)
        theirs.close()
        for item in items:
            try:
                yield _received(ours, started, context.deadline + GRACE)
            except TimeoutError as error:
                yield _skipped(item, str(error))
                return
            except EOFError as error:
                yield [replace(row, failed=str(error)) for row in item.empty]
                return
        for process in started:
            process.join(GRACE)
    finally:
        for process in started:
            process.kill()
            process.join()
        ours.close()
        shutil.rmtree(folder)


def _received(ours: Connection, processes: Sequence[Any], end: float) -> list[Row]:
    """The next item's rows. Raises EOFError when a process has ended before them, TimeoutError."""
    while time.monotonic() < end:
        dead = next((process for process in processes if process.exitcode), None)
        if ours.poll(0.2):
            try:
                rows: list[Row] = ours.recv()
            except EOFError:
                processes[0].join(10)
                raise EOFError(f"its process ended with exit code {processes[0].exitcode}") from None
            return rows
        if dead is not None:
            raise EOFError(f"one of its processes ended with exit code {dead.exitcode}")
    raise TimeoutError("stopped when the time was over")


# ------------------------------------------------------------------------------------------------------- in the process


def _work(items: Sequence[Item], context: Context, connection: Connection | None) -> None:
    """Measure the items; rank 0 sends their rows."""
    _prepare(context)
    for item in items:
        rows = _measured(item, context) if context.fits(item) else _skipped(item, "no time left")
        if connection is not None:
            connection.send(rows)
        if rows[0].failed and (item.smaller or not _usable(context)):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # the interpreter's own end can abort while threads of the group wait for the other ranks
    if context.group is not None:
        context.group.close()


def _prepare(context: Context) -> None:
    if context.device == "cuda":
        import torch

        torch.backends.cudnn.benchmark = True  # as the worker has it for classifiers
        torch.cuda.set_device(context.place)
    if context.world > 1:
        from torch._C._distributed_c10d import FileStore

        from attnctl.jobs.runtime.group import Group

        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        store = FileStore(context.store, context.world)
        context.group = Group(context.rank, context.world, context.place, store)


def _measured(item: Item, context: Context) -> list[Row]:
    started = time.monotonic()
    try:
        rows = item.work(context, item.empty)
    except Exception as error:
        from torch import OutOfMemoryError

        if isinstance(error, OutOfMemoryError):
            return [replace(row, failed=f"out of memory at batch {row.batch}") for row in item.empty]
        traceback.print_exc()
        words = str(error).strip().partition("\n")[0]
        return [replace(row, failed=f"{type(error).__name__}: {words}") for row in item.empty]
    taken = time.monotonic() - started
    context.slowest[item.kind] = max(taken, context.slowest.get(item.kind, 0.0))
    return rows


def _usable(context: Context) -> bool:
    """Whether a process can continue after a failure: not after an error in a kernel, nor as one of several ranks."""
    if context.device != "cuda" or context.world > 1:
        return context.world == 1
    import torch

    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True
