"""What the storm changes in the processes that it starts, by their environment alone. The product knows nothing of it.

STORM_OFF    protections to switch off, a comma list of fencing, adoption, deduplication: the storm must then fail
STORM_DIE    where a command kills itself: submit:reserve, submit:before, submit:after, ingest:<n>
STORM_TRACE  a folder in which rank 0 notes each step that it trains: `<run>-<attempt>.<incarnation>`
STORM_PACE   a file with the seconds that each step of a training takes at least, so that faults meet live ones on a
             fast machine, too; before its end they take longer, until the file says 0
STORM_HASTE  seconds that sbatch is taken to need at most: an intent is closed after twice that
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

OFF = set(filter(None, os.environ.get("STORM_OFF", "").split(",")))


def unfenced(module: Any) -> None:
    """Nobody asks for the token."""
    module.is_newest = lambda run, token: True


def unadopted(module: Any) -> None:
    """What a killed command left behind stays as it is."""
    if "adoption" in OFF:
        module.adopt = lambda workspace, placed=(): None
        module.close_orphan = lambda workspace, request: False
    if "STORM_HASTE" in os.environ:
        module.SBATCH_TIMEOUT = float(os.environ["STORM_HASTE"])


def doubled(module: Any) -> None:
    """A step that was trained twice has two rows."""
    view = module.VIEWS["metrics"]
    module.VIEWS["metrics"] = view[: view.index("WHERE NOT EXISTS")]


LONGEST = 3.0
"""Seconds that each step of a training's last two epochs takes at least."""


def wait(trainer: Any, began: float) -> None:
    """As the storm's pace says, but not when it is told to stop. began: when the step did."""
    try:
        pace = float(pathlib.Path(os.environ["STORM_PACE"]).read_text())
    except (KeyError, OSError, ValueError):
        return
    if pace and trainer.steps - trainer.position.step <= 2 * trainer.data.steps_per_epoch:
        pace = LONGEST
    while time.monotonic() < began + pace and not trainer.context.signals.received:
        time.sleep(0.05)


def watched(module: Any) -> None:
    """Note and slow down the steps. Every epoch is saved, however slow this machine's disk is."""
    module.CheckpointBudget._CHEAP = 60.0
    original = module.Trainer._step

    def step(self: Any, batches: Any) -> None:
        began = time.monotonic()
        original(self, batches)
        folder = os.environ.get("STORM_TRACE")
        if folder and self.group.first:
            number, restart = self.context.token
            with pathlib.Path(folder, f"{self.context.run.id}-{number}.{restart}").open("a") as stream:
                stream.write(f"{self.position.step} {time.time()}\n")
        wait(self, began)

    module.Trainer._step = step


PATCHES = {
    "attnctl.jobs.training.loop": [watched],
    "attnctl.jobs.slurm.adopt": [unadopted],
    "attnctl.jobs.training.checkpoint": [unfenced] if "fencing" in OFF else [],
    "attnctl.db.schema": [doubled] if "deduplication" in OFF else [],
}


class Patcher(importlib.abc.MetaPathFinder):
    """Changes a module right after it has been read."""

    def __init__(self) -> None:
        self.busy: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not PATCHES.get(name) or name in self.busy:
            return None
        self.busy.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.busy.discard(name)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        original = loader.exec_module

        def execute(module: Any) -> None:
            original(module)
            for patch in PATCHES[name]:
                patch(module)

        loader.exec_module = execute
        return spec


def dying(where: str) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that kills this process at a place."""
    kind, _, point = where.partition(":")
    seen = {"sent": False, "logs": 0}

    def here(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "subprocess.Popen" and kind == "submit" and "--parsable" in arguments[1]:
            seen["sent"] = True
            return point == "before"
        if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
            return False
        path = os.fspath(arguments[0])
        if kind == "ingest" and path.endswith("events.jsonl"):
            seen["logs"] += 1
            return seen["logs"] == int(point)
        in_submissions = "/submissions/" in path and "attnctl-" in path and ".logs/" not in path
        if kind != "submit" or not in_submissions:
            return False
        if point == "reserve":  # the intent is about to be written
            return "/." in path
        return point == "after" and bool(seen["sent"])

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"open", "subprocess.Popen"} and here(event, arguments):
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if any(name.startswith("STORM_") for name in os.environ):
    sys.meta_path.insert(0, Patcher())
if "STORM_DIE" in os.environ:
    sys.addaudithook(dying(os.environ.pop("STORM_DIE")))
