"""`attnctl status` on 10,000 finished runs, and with 1,000 unfinished ones among them: the command as a user starts it.

    python benchmarks/status.py [--quick] [--runs N] [--repeats N]

The second part needs the SLURM of `make slurm-up` (source .slurm/env.sh, which sets SLURM_CONF): a tenth of the runs is
queued there, held, with the events of a training that has begun; they are cancelled at the end. Goals: below 0.5 s,
and below 1 s beside one query of the scheduler.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arguments import Arguments
from workspaces import finished, log, specs

from attnctl.db import open_index
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config, SlurmOptions
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources

HELD = SlurmOptions(extra={"hold": "true"})


def main() -> None:
    """Print the medians of the commands and of the query of the index alone."""
    arguments = Arguments(__doc__)
    arguments.size("runs", 10_000, 100, "runs")
    arguments.size("repeats", 7, 1, "starts of each command")
    options = arguments.read()
    runs, repeats = options.runs, options.repeats
    folder = Path(tempfile.mkdtemp(prefix="attnctl-bench-"))
    try:
        chosen = specs(runs)
        workspace = finished(folder / "w", chosen[: runs - runs // 10], 3)
        started = time.perf_counter()
        with open_index(workspace) as index:
            index.refresh()
        print(f"first ingestion of {runs - runs // 10} runs: {time.perf_counter() - started:.1f} s")
        command = [str(Path(sys.executable).with_name("attnctl")), "--workspace", str(workspace.root)]
        commands = {
            "attnctl status": [*command, "status"],
            "attnctl report": [*command, "report"],
            "import sqlalchemy": [sys.executable, "-c", "import sqlalchemy"],
        }
        for name, seconds in timed(commands, repeats).items():
            print(f"{name}: {seconds:.3f} s" + (" (goal: 0.5)" if name.endswith("status") else ""))
        started = time.perf_counter()
        with open_index(workspace) as index:
            index.refresh()
            index.runs()
        print(f"opening, refreshing and reading the index alone: {time.perf_counter() - started:.3f} s")
        if "SLURM_CONF" in os.environ:
            unfinished(workspace, chosen[runs - runs // 10 :], command, repeats)
        else:
            print("with unfinished runs: skipped, it needs the SLURM of make slurm-up and SLURM_CONF")
    finally:
        shutil.rmtree(folder)


def unfinished(workspace: Workspace, runs: list[RunSpec], command: list[str], repeats: int) -> None:
    """Queue `runs` on SLURM, with the events of a training that has begun, and time `status`."""
    (done,) = submit(Config(workspace=workspace), runs, Resources(minutes=5), HELD, "slurm")
    try:
        begun = b"".join(line + b"\n" for line in log(3).splitlines()[:12])
        for spec in runs:
            events = workspace.run(spec.id).attempt(1).incarnation(0).events
            events.parent.mkdir(parents=True)
            events.write_bytes(begun)
        commands = {"attnctl status": [*command, "status"], "squeue": ["squeue", "--me"]}
        found = timed(commands, repeats)
        print(
            f"attnctl status with {len(runs)} unfinished: {found['attnctl status']:.3f} s, "
            f"of which one squeue takes {found['squeue']:.3f} s (goal: 1 s beside it)"
        )
    finally:
        subprocess.run(["scancel", done.job_id or ""], check=True)


def timed(commands: dict[str, list[str]], repeats: int) -> dict[str, float]:
    """Median seconds of each command, in interleaved rounds."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in times.items()}


if __name__ == "__main__":
    main()
