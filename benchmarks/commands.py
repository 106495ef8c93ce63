"""The commands of every day on 10,000 runs, 10 % of them running and 5 % failed: each as a user starts it.

    python benchmarks/commands.py [--quick] [--runs N] [--repeats N] [--only COMMAND ...] [--keep FOLDER]

The scheduler is a program called squeue that prints the running jobs, as squeue does for one array; its own time is in
the table. `finished` is status in another workspace, with nine tenths of the runs, all of them completed. Goals at
10,000 runs: status 0.5 s beside one squeue, finished 0.25 s, sweep again 1 s, show and why 0.35 s. Beside the time by
the wall stands that of the processor, which other programs on the machine change less. Python's modules are
compiled before, as they are after the first command of an installation.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal

from arguments import Arguments
from workspaces import NOW, finished, log

from attnctl.grid import Axes, expand
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Request, Resources, Submission, Sweep

MODULES = ("none", "se", "eca", "ela")
KERNELS = ("3", "5", "7", "9")
CELLS = 10
"""Of the grid of these: the plain network, se, and four kernels of eca and of ela."""
RANGE = 1000
"""The most seeds of one range of `--seed`."""
TAG = "attnctl-20231114-221320-00000001"
JOB = 77


def grid(count: int) -> list[RunSpec]:
    """`count` runs of ten cells, in the order in which `sweep` expands them."""
    seeds = tuple(map(str, range(count // CELLS)))
    return expand(Axes(modules=MODULES, hyperparameters={"kernel": KERNELS}, seeds=seeds)).specs


def words(count: int) -> list[str]:
    """The command line whose runs are `grid(count)`."""
    each = count // CELLS
    seeds = ",".join(f"{first}..{min(first + RANGE, each) - 1}" for first in range(0, each, RANGE))
    return ["sweep", ",".join(MODULES), "--kernel", ",".join(KERNELS), "--seed", seeds, "--name", "all"]


def workspace_of(root: Path, specs: Sequence[RunSpec]) -> None:
    """Make a workspace in which each tenth run runs and each twentieth has failed."""
    running, failed = list(specs[::10]), list(specs[5::20])
    under_way = {spec.id for spec in (*running, *failed)}
    workspace = finished(root, [spec for spec in specs if spec.id not in under_way], 3)
    begun = b"".join(line + b"\n" for line in log(3).splitlines()[:12])
    attempts(workspace, running, TAG, begun, "slurm")
    attempts(workspace, failed, "bench-failed", begun, "local")
    ended = Exit(rank=0, at=NOW + 40, outcome="error", message="ValueError: no", step=39).encode()
    for spec in failed:
        workspace.run(spec.id).attempt(1).incarnation(0).exit(0).write_bytes(ended)
    sweep = Sweep(name="all", created=NOW, command=words(len(specs)), runs=[spec.id for spec in specs])
    workspace.sweeps.mkdir()
    workspace.sweep("all").write_bytes(sweep.encode())


def attempts(
    workspace: Workspace, specs: Sequence[RunSpec], tag: str, events: bytes, where: Literal["slurm", "local"]
) -> None:
    """Runs of one submission that have begun to train."""
    fields: Any = {"tag": tag, "created": NOW, "where": where, "host": "login", "pid": 1}
    request = Request(**fields, user="me", nonce="n", resources=dataclasses.asdict(Resources())).encode()
    for spec in specs:
        run = workspace.run(spec.id)
        start = run.attempt(1).incarnation(0)
        start.path.mkdir(parents=True)
        run.spec.write_text(json.dumps(spec.to_json()))
        run.attempt(1).request.write_bytes(request)
        start.events.write_bytes(events)
        start.env.write_text('{"node": "n1", "torch": "2", "python": "3"}')
    job = str(JOB) if where == "slurm" else "login:1"
    submission = Submission(**fields, tasks=[[spec.id, 1] for spec in specs], specs={}, job_id=job)
    workspace.submission(tag).write_bytes(submission.encode())


def scheduler(folder: Path, running: int) -> None:
    """A program squeue that says of each job of the array that it runs."""
    rows = "".join(f"{JOB}_{task}|RUNNING|n1|None|{TAG}\n" for task in range(running))
    folder.mkdir()
    (folder / "rows").write_text(rows)
    (folder / "squeue").write_text(f'#!/bin/sh\n/bin/cat "{folder}/rows"\n')
    (folder / "squeue").chmod(0o755)


def timed(
    commands: dict[str, list[str]], repeats: int, environment: dict[str, str], growing: Sequence[Path]
) -> dict[str, tuple[float, float]]:
    """Median seconds of each command by the wall and of the processor, in interleaved rounds.

    growing: the logs of the running jobs, which were just written to whenever a command starts.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            for path in growing:
                os.utime(path)
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
            assert done.returncode in {0, 1}, command  # 1: a run of the sweep has failed
            wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            times[name].append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return {name: (median(wall for wall, _ in t), median(cpu for _, cpu in t)) for name, t in times.items()}


def main() -> None:
    """Print the median of each command."""
    arguments = Arguments(__doc__)
    arguments.size("runs", 10_000, 100, "runs")
    arguments.size("repeats", 3, 1, "starts of each command")
    arguments.parser.add_argument("--only", nargs="*", default=[], metavar="COMMAND", help="only these commands")
    arguments.parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the workspace here, and keep it")
    options = arguments.read()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="attnctl-bench-"))
    try:
        specs = grid(options.runs // 20 * 20)
        running = specs[::10]
        if not (folder / "w").exists():
            workspace_of(folder / "w", specs)
            scheduler(folder / "bin", len(running))
        environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
        program = str(Path(sys.executable).with_name("attnctl"))
        attnctl = [program, "--workspace", str(folder / "w")]
        one = specs[11].id  # completed
        commands = {
            "squeue": ["squeue"],
            "status": [*attnctl, "status"],
            "finished": [program, "--workspace", str(folder / "finished"), "status"],
            "sweep again": [*attnctl, *words(len(specs)), "--run-on", "local"],
            "sweep --dry-run": [*attnctl, *words(len(specs)), "--run-on", "local", "--dry-run"],
            "show": [*attnctl, "show", one],
            "why": [*attnctl, "why", one],
            "gc --dry-run": [*attnctl, "gc", "--dry-run"],
            "report": [*attnctl, "report", "all"],
            "export": [*attnctl, "export", "--format", "csv"],
            "db rebuild": [*attnctl, "db", "rebuild"],
        }
        if options.only:
            commands = {name: command for name, command in commands.items() if name in options.only}
        if "finished" in commands and not (folder / "finished").exists():
            finished(folder / "finished", specs[: len(specs) * 9 // 10], 3)
        growing = [Workspace(folder / "w").run(spec.id).attempt(1).incarnation(0).events for spec in running]
        timed({"status": [*attnctl, "status"]}, 1, environment, growing)  # makes the index
        timed({name: commands[name] for name in commands if name != "db rebuild"}, 1, environment, growing)  # compiles
        print(f"{len(specs):>8} runs{'wall':>14}{'processor':>14}")
        for name, (wall, processor) in timed(commands, options.repeats, environment, growing).items():
            print(f"{name:<16}{wall:>9.3f} s{processor:>12.3f} s", flush=True)
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
