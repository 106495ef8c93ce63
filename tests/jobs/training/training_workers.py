"""Real submissions on disk and real worker processes for them.

The processes run `attnctl.jobs.worker.main` and are forked from a server that has imported torch once: starting python
and torch anew for each of them would be most of these tests' time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, ClassVar

from attnctl import attention, backbones, datasets, recipes
from attnctl.files import write_atomic
from attnctl.spec import LOOP_VERSION, NO_MODULE, RunSpec, Versions
from attnctl.values import Scalar
from attnctl.workspace.layout import Incarnation, RunDir, Workspace
from attnctl.workspace.records import Request, Resources, Submission, read_events

TINY: dict[str, Scalar] = {"batch": 256, "norm_batch": 64, "epochs": 2, "warmup_epochs": 0.5, "input_size": 8}

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["attnctl.jobs.worker", "attnctl.jobs.training.session", "torch._dynamo", "sympy"])


def make_spec(module: str = "se", seed: int = 0, **overrides: Scalar) -> RunSpec:
    """A small network on small digits: ten steps in two epochs unless told otherwise."""
    hyperparameters = attention.describe(module).resolve({}) if module != NO_MODULE else {}
    instead = {"steps": "epochs", "warmup_steps": "warmup_epochs"}
    tiny = {name: value for name, value in TINY.items() if name not in {instead.get(each) for each in overrides}}
    return RunSpec(
        module=module,
        hyperparameters=tuple(sorted(hyperparameters.items())),
        backbone="resnet20",
        placement="block",
        dataset="digits",
        recipe=recipes.resolve("digits", {**tiny, **overrides}),
        seed=seed,
        versions=Versions(
            module=attention.describe(module).version if module != NO_MODULE else "",
            backbone=backbones.describe("resnet20").version,
            placement=1,
            dataset=datasets.describe("digits").version,
            loop=LOOP_VERSION,
        ),
    )


PATIENCE = 15.0
"""Seconds of a hasty watchdog; more than a step takes on a machine that is busy with other tests."""


@dataclass(frozen=True)
class Mischief:
    """What befalls one process. `at`: the step in which it sends itself `number`; slow: seconds added to each step."""

    OUT_OF_MEMORY: ClassVar[int] = -1
    """Stands for a signal: the step's allocation fails."""

    at: int | None = None
    number: int = signal.SIGTERM
    slow: float = 0.0
    hasty: bool = False
    """The watchdog loses its patience within PATIENCE."""
    timeout: float = 0.0
    """Seconds until a collective gives up; 0 for the usual time."""
    environ: dict[str, str] = field(default_factory=dict)


class Disturbed:
    """A process's data, whose batches do mischief on the way."""

    def __init__(self, data: Any, mischief: Mischief) -> None:
        self._data, self._mischief = data, mischief

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def train(self, start: int, replicas: range, steps: int) -> Iterator[Any]:
        batches = self._data.train(start, replicas, steps)
        warming = steps - start == 1 and start == 0
        for step in range(start, steps):
            if step == self._mischief.at and not warming:
                if self._mischief.number == Mischief.OUT_OF_MEMORY:
                    raise MemoryError("the test's own")
                os.kill(os.getpid(), self._mischief.number)
            time.sleep(self._mischief.slow)
            yield from itertools.islice(batches, len(replicas))


def work(arguments: list[str], environ: dict[str, str], mischief: Mischief) -> None:
    """The body of a worker process: its real main, agreeing after every step so that it stops just where it is told."""
    from attnctl.jobs import worker
    from attnctl.jobs.runtime import clock, group
    from attnctl.jobs.training import pace, session, watchdog

    changed_group: Any = group
    changed_session: Any = session
    os.environ.update(environ)
    pace.INTERVAL = 0.0
    if mischief.hasty:
        clock.STOPPED_AFTER, watchdog._INTERVAL, watchdog._MIN_LIMIT, watchdog._FACTOR = 2.0, 0.2, PATIENCE, 0
    if mischief.timeout:
        changed_group.NEVER = timedelta(seconds=mischief.timeout)
    opened = changed_session.open_data
    changed_session.open_data = lambda *given: Disturbed(opened(*given), mischief)
    sys.exit(worker.main(arguments))


@dataclass
class Run:
    """A run in a workspace of its own."""

    workspace: Workspace
    directory: RunDir
    spec: RunSpec

    @classmethod
    def create(cls, root: Path, spec: RunSpec) -> Run:
        workspace = Workspace(root)
        root.mkdir(parents=True, exist_ok=True)
        (root / "attnctl.toml").touch()
        directory = workspace.run(spec.id)
        write_atomic(directory.spec, spec.canonical().encode())
        return cls(workspace, directory, spec)

    def submit(self, world: int = 1) -> tuple[str, Incarnation]:
        """TimeLimitMargin the next attempt and write its submission; gives the tag and the first incarnation."""
        number = len(self.directory.attempts()) + 1
        tag, nonce = f"t{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
        resources = dataclasses.asdict(Resources(tasks_per_node=world, device="cpu"))
        common: dict[str, Any] = {"tag": tag, "created": time.time(), "host": "h", "pid": 1, "where": "local"}
        attempt = self.directory.attempt(number)
        write_atomic(attempt.request, Request(user="u", nonce=nonce, resources=resources, **common).encode())
        submission = Submission(tasks=[[self.spec.id, number]], specs={self.spec.id: self.spec.to_json()}, **common)
        write_atomic(self.workspace.submission(tag), submission.encode())
        return tag, attempt.incarnation(0)

    def environ(self, rank: int, world: int, job: str = "h:1") -> dict[str, str]:
        place = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "ATTNCTL_JOB_ID": job}
        return {name: str(value) for name, value in place.items()}

    def arguments(self, tag: str) -> list[str]:
        return ["--workspace", str(self.workspace.root), "--tag", tag]

    @contextlib.contextmanager
    def started(
        self, world: int = 1, job: str = "h:1", tag: str = "", mischief: dict[int, Mischief] | None = None
    ) -> Iterator[tuple[list[BaseProcess], Incarnation]]:
        """The processes of a new attempt, or of the submission `tag`; what is left of them is killed at the end."""
        incarnation = self.directory.attempts()[-1].incarnation(0) if tag else None
        if incarnation is None:
            tag, incarnation = self.submit(world)
        processes: list[BaseProcess] = []
        for rank in range(world):
            harm = (mischief or {}).get(rank, Mischief())
            environ = {**self.environ(rank, world, job), **harm.environ}
            processes.append(SERVER.Process(target=work, args=(self.arguments(tag), environ, harm)))
            processes[-1].start()
        try:
            yield processes, incarnation
        finally:
            for process in processes:
                process.kill()
                process.join()

    def train(self, world: int = 1, **options: Any) -> Incarnation:
        """Run an attempt to its end, which must be a clean one."""
        with self.started(world, **options) as (processes, incarnation):
            assert exit_codes(processes) == [0] * world, logs(incarnation)
        return incarnation


def answers_of(target: Callable[..., None], world: int, folder: Path) -> list[Any]:
    """What the processes `target(rank, folder, answers)` of a world put into the queue; all must end cleanly."""
    answers = SERVER.Queue()
    ranks: list[BaseProcess] = [SERVER.Process(target=target, args=(rank, folder, answers)) for rank in range(world)]
    for process in ranks:
        process.start()
    found = [answers.get(timeout=120) for _ in ranks]
    assert exit_codes(ranks) == [0] * world
    return found


def exit_codes(processes: list[BaseProcess], seconds: float = 120) -> list[int | None]:
    """The processes' exit codes, negative for signals; None for one that did not end in time."""
    end = time.monotonic() + seconds
    for process in processes:
        process.join(max(0, end - time.monotonic()))
    return [process.exitcode for process in processes]


def events(incarnation: Incarnation, kind: str = "") -> list[dict[str, Any]]:
    """The events written so far, of one kind or all."""
    data = incarnation.events.read_bytes() if incarnation.events.exists() else b""
    return [event for event in read_events(data) if kind in {"", event["kind"]}]


def metrics(*incarnations: Incarnation) -> dict[int, dict[str, float]]:
    """Values by epoch, without the speed; a later incarnation's row wins."""
    rows = {row["epoch"]: row["values"] for each in incarnations for row in events(each, "metrics")}
    return {epoch: {k: v for k, v in values.items() if k != "images_per_s"} for epoch, values in rows.items()}


def outcomes(incarnation: Incarnation) -> list[str]:
    """The outcome of each rank that left a record."""
    return [record.outcome for record in incarnation.exits()]


def logs(incarnation: Incarnation) -> str:
    """What all ranks wrote."""
    return "\n".join(path.read_text() for path in sorted(incarnation.path.glob("log.*.txt")))


def wait_until(condition: Callable[[], Any], seconds: float = 180) -> None:
    """Wait for a condition that must come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def wait_for_progress(processes: list[BaseProcess], incarnation: Incarnation) -> None:
    """Wait until the training reports progress, which it does only in epochs that take longer than a second."""
    wait_until(lambda: events(incarnation, "progress") or any(process.exitcode is not None for process in processes))
    assert events(incarnation, "progress"), logs(incarnation)
