"""Kills a command of ours at its k-th open, rename, link, fsync or spawn; or lets no space be left from there on.

The command runs in a fork of this process, which has imported all that it needs, so that a thousand starts cost little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

KILLED = 9
_FILES = {"open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.truncate"}
_WRITING = {"os.rename", "os.link", "os.mkdir", "fsync"}


class Points:
    """Counts what touches the workspace, or starts a process; ends this process at the k-th. Never taken away again.

    The kept code, whose hundreds of files every submission reads, is left out.
    """

    def __init__(self, root: Path, kill_at: int, error: int | None = None) -> None:
        self.root, self.kill_at, self.error, self.count = os.fsencode(root), kill_at, error, 0
        self.names: list[str] = []

    def install(self) -> None:
        sys.addaudithook(self._heard)
        real_sync, real_talk = os.fsync, subprocess.Popen.communicate

        def fsync(fd: FileDescriptorLike) -> None:
            self._reach("fsync", writes=True)
            real_sync(fd)

        def communicate(process: Any, *args: Any, **more: Any) -> Any:
            self._reach(f"{process.args[0]} was started")
            answer = real_talk(process, *args, **more)
            self._reach(f"{process.args[0]} has answered")
            return answer

        os.fsync = fsync
        subprocess.Popen.communicate = communicate  # type: ignore[method-assign, assignment]

    def _heard(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            self._reach(f"start of {details[0]}")
        elif event in _FILES and isinstance(details[0], str | bytes):
            path = os.fsencode(details[0])
            if path.startswith(self.root) and not path.startswith(self.root + b"/code/"):
                writes = event in _WRITING or (event == "open" and bool(details[2] & (os.O_WRONLY | os.O_RDWR)))
                self._reach(f"{event} {Path(os.fsdecode(path)).name}", writes)

    def _reach(self, name: str, writes: bool = False) -> None:
        if self.error is not None and not writes:
            return
        self.count += 1
        self.names.append(name)
        if self.error is None and self.count == self.kill_at:
            os._exit(KILLED)
        if self.error is not None and self.kill_at and self.count >= self.kill_at:
            raise OSError(self.error, os.strerror(self.error), name)


def run_killed(root: Path, kill_at: int, log: Path, call: Callable[[], int], error: int | None = None) -> int:
    """The exit code of the command, KILLED when it came to its point. What it says goes to `log`, its points after it.

    kill_at: from 1; 0 kills it nowhere. error: it is not killed, but every write from its kill_at-th on fails so.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w")
        points = Points(root, kill_at, error)
        points.install()
        code = call()
        sys.stdout.writelines(f"point: {name}\n" for name in points.names)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stdout.flush()
        os._exit(code)
