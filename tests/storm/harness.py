"""A storm: a sweep on the real SLURM, seeded faults while it trains, then `attnctl resume` until nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from attnctl.files import write_atomic
from attnctl.workspace.layout import Incarnation, Workspace
from attnctl.workspace.records import Event, Submission, read_events

SHIM = Path(__file__).parent / "shim"
RECIPE = ["--batch", "128", "--input-size", "8", "--gpus-per-node", "0"]
MINUTES = "10"
FOUR = ["--norm-batch", "32", "--nodes", "2", "--tasks-per-node", "2"]
ALONE = ["--norm-batch", "64"]
"""Two virtual replicas in one process: its steps accumulate."""
PATIENCE = 1200.0
"""Seconds without a run's end after which a storm is given up."""
ANSWER = 1.5
"""Seconds that `resume` takes on an idle machine; where it takes longer the faults do, too, and the runs wait."""
MOST_PACE = 2.0


class StormError(AssertionError):
    """The storm did not come to its end; the message says what stood."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is trained. single, four: runs at world 1 and at world 4. pace: least seconds of a step in a storm."""

    single: int
    four: int
    epochs: int = 12
    parallel: int = 4
    pace: float = 0.0
    disk: str = "256m"
    runs_per_job: int = 0
    """Runs at world 1 that share a job; 0 if each has one of its own."""


@dataclass(frozen=True)
class Live:
    """A run that trains: it has written a checkpoint newer than the one that it began with."""

    run: str
    job: str
    step: int
    incarnation: Incarnation
    ranks: dict[int, psutil.Process]
    nodes: tuple[str, ...]
    shells: tuple[psutil.Process, ...]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One fault. runs: the live runs that it met."""

    kind: str
    at: float
    seconds: float
    runs: list[str]
    words: str


@dataclass
class Sweep:
    """A workspace of its own, the commands on it, and what is seen from outside."""

    root: Path
    aside: Path
    size: Size
    off: str = ""
    began: float = field(default_factory=time.time)
    ended: float = 0.0

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.root)
        self.bin, self.trace, self.pace = self.aside / "bin", self.aside / "trace", self.aside / "pace"
        for folder in (self.root, self.bin, self.trace):
            folder.mkdir(parents=True, exist_ok=True)

    def environment(self, die: str = "") -> dict[str, str]:
        """Of the commands, and through them of the jobs."""
        path = os.pathsep.join(filter(None, (str(SHIM), os.environ.get("PYTHONPATH"))))
        more = {"PYTHONPATH": path, "STORM_TRACE": str(self.trace), "STORM_PACE": str(self.pace)}
        more |= {"PATH": f"{self.bin}:{os.environ['PATH']}", "STORM_OFF": self.off, "STORM_HASTE": "15"}
        return os.environ | more | ({"STORM_DIE": die} if die else {})

    def attnctl(self, *words: str, die: str = "") -> subprocess.CompletedProcess[str]:
        """One command, as a user gives it."""
        command = [sys.executable, "-P", "-m", "attnctl", "--workspace", str(self.root), *words]
        environment = self.environment(die)
        done = subprocess.run(
            command, env=environment, cwd=self.aside, capture_output=True, text=True, timeout=PATIENCE
        )
        if "Traceback" in done.stderr:
            raise StormError(f"attnctl {' '.join(words)}: {done.stderr[-3000:]}")
        return done

    def ask(self, *words: str) -> dict[str, Any] | None:
        """What a command says as JSON; None when it failed, which it may while a fault lasts."""
        done = self.attnctl(*words, "--json")
        if done.returncode not in {0, 1, 2, 3} or not done.stdout.strip():
            return None
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise StormError(f"attnctl {' '.join(words)} printed no JSON: {done.stdout[-500:]}") from error
        return found

    def sweeps(self) -> Iterator[list[str]]:
        """The commands that ask for the runs."""
        common = ["sweep", "se", "--epochs", str(self.size.epochs), *RECIPE]
        common += ["--partition", "low", "--time", MINUTES]
        seeds = [str(seed) for seed in range(self.size.single + self.size.four)]
        alone, four = ",".join(seeds[: self.size.single]), ",".join(seeds[self.size.single :])
        if four:
            yield [*common, "--name", "four", "--seed", four, *FOUR, "--parallel", str(max(1, self.size.parallel // 3))]
        if alone:
            shared = ["--runs-per-gpu", str(self.size.runs_per_job)] if self.size.runs_per_job else []
            yield [*common, "--name", "alone", "--seed", alone, *ALONE, "--parallel", str(self.size.parallel), *shared]

    def submit(self) -> None:
        """Ask for all runs."""
        for command in self.sweeps():
            done = self.attnctl(*command)
            if done.returncode:
                raise StormError(f"{' '.join(command)}: {done.stderr}")

    def states(self) -> dict[str, str]:
        """Run id to state; empty when it could not be told."""
        found = self.ask("status")
        return {row["id"]: row["state"] for row in found["runs"]} if found else {}

    @property
    def total(self) -> int:
        return self.size.single + self.size.four

    def settle(self, patience: float = PATIENCE) -> None:
        """Resume until every run is completed. Raises StormError when nothing comes to its end any more."""
        watch = Watch(self, patience)
        while not watch.over():
            time.sleep(2)

    # ------------------------------------------------------------------------------------------- seen from outside

    def live(self) -> list[Live]:
        """The runs that train now, those with least progress first."""
        workers: dict[tuple[str, str, int], dict[int, psutil.Process]] = {}
        shells: dict[str, list[psutil.Process]] = {}
        nodes: dict[tuple[str, str, int], set[str]] = {}
        restarts: dict[tuple[str, str, int], int] = {}
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or [""]
            shell = words[-1].endswith("slurm_script")
            if not shell and not (
                "attnctl.jobs.worker" in words and str(self.root) in words and "srun" not in words[0]
            ):
                continue
            with contextlib.suppress(psutil.Error):
                environ = process.environ()
                if environ.get("STORM_TRACE") != str(self.trace):
                    continue  # of another storm, or of no storm
                job = f"{environ.get('SLURM_ARRAY_JOB_ID')}_{environ.get('SLURM_ARRAY_TASK_ID')}"
                if shell:
                    shells.setdefault(job, []).append(process)
                    continue
                task = words[words.index("--task") + 1] if "--task" in words else environ["SLURM_ARRAY_TASK_ID"]
                key = (words[words.index("--tag") + 1], job, int(task))
                workers.setdefault(key, {})[int(environ["SLURM_PROCID"])] = process
                nodes.setdefault(key, set()).add(environ["SLURMD_NODENAME"])
                restarts[key] = max(restarts.get(key, 0), int(environ.get("SLURM_RESTART_COUNT") or 0))
        found = []
        for (tag, job, task_number), ranks in workers.items():
            submission = Submission.read(self.workspace.submission(tag))
            if submission is None:
                continue
            run, number = submission.tasks[task_number]
            incarnation = self.workspace.run(run).attempt(number).incarnation(restarts[tag, job, task_number])
            step = progress(incarnation)
            if step is not None and 0 in ranks:
                scripts = tuple(shells.get(job, ()))
                found.append(
                    Live(run, job, step, incarnation, ranks, tuple(sorted(nodes[tag, job, task_number])), scripts)
                )
        return sorted(found, key=lambda one: (one.step, one.run))


def progress(incarnation: Incarnation) -> int | None:
    """The step of the newest checkpoint of an incarnation that goes on; None without one."""
    try:
        events = list(read_events(incarnation.events.read_bytes()))
    except OSError:
        return None
    began = next((event["step"] for event in events if event["kind"] == Event.RESUMED), 0)
    steps = [event["step"] for event in events if event["kind"] == Event.CHECKPOINT and event["step"] > began]
    ended = any(event["kind"] == Event.END for event in events) or incarnation.exit(0).exists()
    return max(steps) if steps and not ended else None


class Watch:
    """Resumes a sweep until all its runs are completed, or none has got on for so many seconds."""

    def __init__(self, sweep: Sweep, patience: float) -> None:
        self.sweep, self.patience = sweep, patience
        self.before, self.since = "", time.monotonic()

    def over(self) -> bool:
        """Whether all are completed. Raises StormError when nothing comes to its end any more."""
        sweep = self.sweep
        sweep.ask("resume")
        states = sweep.states()
        if len(states) == sweep.total and set(states.values()) == {"completed"}:
            sweep.ended = time.time()
            return True
        now = f"{sorted(states.items())} {sum(path.stat().st_size for path in sweep.trace.iterdir())}"
        if now != self.before:
            self.before, self.since = now, time.monotonic()
        if time.monotonic() - self.since > self.patience:
            raise StormError(f"nothing changes any more: {states}")
        return False


class Storm(Sweep):
    """A sweep with faults."""

    def rage(self, kinds: Sequence[str], seed: int, hits: list[Hit], patience: float = PATIENCE) -> None:
        """Submit, send faults of these kinds in a seeded order at seeded moments, and settle. hits: told the faults."""
        from tests.storm.faults import FAULTS

        self.rng = random.Random(seed)
        order = list(kinds)
        self.rng.shuffle(order)
        self.train_slowly(self.size.pace)
        self.submit()
        for kind in order:
            watch = Watch(self, patience)
            while True:
                time.sleep(self.rng.uniform(0.5, 2.5))
                began = time.time()
                if self.live() and (met := FAULTS[kind](self)) is not None:
                    runs, words = met
                    hits.append(Hit(kind=kind, at=began, seconds=time.time() - began, runs=runs, words=words))
                    with (self.aside / "faults").open("a") as stream:  # to be watched
                        stream.write(f"{began - self.began:6.1f} s  {kind}: {words} ({', '.join(runs)})\n")
                    break
                if watch.over():
                    return
            if self.rng.random() < 0.5:
                began = time.monotonic()
                self.ask("resume")
                self.train_slowly(self.size.pace * max(1.0, (time.monotonic() - began) / ANSWER))
        self.train_slowly(0.0)
        self.settle(patience)

    def train_slowly(self, pace: float) -> None:
        """Seconds that each step takes at least; 0 when nothing is to meet the trainings any more."""
        write_atomic(self.pace, str(min(pace, MOST_PACE)).encode())


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[bool]:
    """A file system of its own under `folder`; False when this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            kept = folder.with_name(folder.name + "-after")
            with contextlib.suppress(shutil.Error, OSError):
                shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*.pt", "filler"))
            subprocess.run(["umount", "-l", str(folder)], check=True)


def end_jobs(sweep: Sweep) -> None:
    """No job or process of the sweep outlives it."""
    names = [path.stem for path in sweep.workspace.submissions.glob("*.json")]
    if names:
        subprocess.run(["scancel", "--quiet", f"--name={','.join(names)}"], check=False, capture_output=True)
        end = time.monotonic() + 30
        while queued(sweep) and time.monotonic() < end:
            time.sleep(0.5)
    for process in psutil.process_iter(["cmdline"]):
        if str(sweep.root) in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)


def queued(sweep: Sweep) -> list[str]:
    """The sweep's jobs that the queue still has."""
    names = ",".join(path.stem for path in sweep.workspace.submissions.glob("*.json"))
    command = ["squeue", "-h", "-r", "-o", "%i %T", "-n", names]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines() if names else []
