"""`attnctl report` over many runs and metric rows, once they are in the index, and over a small workspace.

Goals: below 1 s for 10,000 runs and 10 million metric rows, whole command, as a user starts it; on a small workspace at
most 2x the time of `import sqlalchemy`. Beside it the least that could be done: sqlite3 reads a mean for each cell of
the table out of that same file, and prints them. Medians of interleaved rounds.

The 10,000 runs are written as folders and ingested with one epoch each; the rest of the metric rows are then put into
the index itself, by SQL, as ingestion would have put them: through folders they would be 2 GB of logs and minutes.

    python benchmarks/report.py [--quick] [--runs N] [--rows N] [--rounds N]
"""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from arguments import Arguments
from workspaces import finished

from attnctl import papers
from attnctl.db import open_index
from attnctl.grid import Axes, expand
from attnctl.papers.runs import Overrides, cells_of
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep

EPOCHS, NAMES = 1, 8
"""Of each run's log, see `workspaces.log`."""

PEER = """
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT run.label, run.backbone, run.dataset, run.state, result.name, count(*), avg(result.last)"
    " FROM run JOIN result ON result.run = run.number WHERE result.name IN ('top1', 'top5')"
    " GROUP BY run.label, run.backbone, run.dataset, run.state, result.name"
)
for row in rows:
    print(*row)
"""


def requested(count: int) -> list[RunSpec]:
    """Runs of a paper's table over some seeds, and of a grid of modules for the rest."""
    table = papers.load("ean").tables["2"]
    seeds = tuple(map(str, range(3)))
    specs = [spec for cells in cells_of(table, Overrides(seeds=seeds)) for spec in cells.specs]
    grid = expand(
        Axes(
            modules=("none", "ela", "se", "eca", "cbam"),
            hyperparameters={"kernel": ("5", "7", "9")},
            backbones=("resnet18", "resnet20", "resnet50", "mobilenet_v2"),
            datasets=("digits", "cifar10", "cifar100"),
        )
    ).specs
    while len(specs) < count:
        specs.append(dataclasses.replace(grid[len(specs) % len(grid)], seed=len(specs) // len(grid)))
    return specs[:count]


def fill(workspace: Workspace, each: int) -> int:
    """Metric rows until each run has so many; the number of them all."""
    with open_index(workspace) as index:
        index.refresh()
        with index.guarded() as store:
            connection = store.connection
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            connection.execute(
                """
                WITH RECURSIVE epoch(k) AS (SELECT 2 UNION ALL SELECT k + 1 FROM epoch WHERE k < :epochs)
                INSERT INTO metric (run, step, name, attempt, incarnation, epoch, value)
                SELECT run.number, 390 * k, result.name, 1, 0, k, result.last + k / 1000.0
                FROM run CROSS JOIN epoch CROSS JOIN result ON result.run = run.number
                ORDER BY run.number, k, result.name""",
                {"epochs": each // NAMES},
            )
            connection.execute("COMMIT")
            return int(connection.execute("SELECT count(*) FROM metric").fetchone()[0])


def record(workspace: Workspace, specs: Sequence[RunSpec]) -> None:
    """The sweep that asked for them, of the paper's table."""
    overrides = Overrides(seeds=tuple(map(str, range(3)))).to_json()
    sweep = Sweep(
        name="all",
        created=1.0,
        command=["sweep"],
        runs=[spec.id for spec in specs],
        paper="ean",
        table="2",
        overrides=overrides,
    )
    workspace.sweeps.mkdir()
    workspace.sweep("all").write_bytes(sweep.encode())


def attnctl(workspace: Workspace, *words: str) -> list[str]:
    """A command line as a user types it."""
    return [str(Path(sys.executable).with_name("attnctl")), "--workspace", str(workspace.root), *words]


def medians(commands: dict[str, list[str]], rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds of each by the wall and of the processor, the commands in turn; a first round warms the caches."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if number:
                times[name].append((wall, cpu))
    return {name: (statistics.median(w for w, _ in t), statistics.median(c for _, c in t)) for name, t in times.items()}


def main() -> None:
    """Print the medians and their ratios."""
    arguments = Arguments(__doc__)
    arguments.size("runs", 10_000, 100, "runs")
    arguments.size("rows", 1_000, 32, "metric rows of each run")
    arguments.size("rounds", 5, 1, "measured rounds")
    options = arguments.read()
    folder = Path(tempfile.mkdtemp(prefix="attnctl-bench-"))
    try:
        large, small = requested(options.runs), requested(84)[:84:3]
        workspace, few = finished(folder / "w", large, EPOCHS), finished(folder / "s", small, 20)
        for place, specs in ((workspace, large), (few, small)):
            record(place, specs)
        started = time.perf_counter()
        rows = fill(workspace, options.rows)
        subprocess.run(attnctl(few, "status", "--json"), check=True, stdout=subprocess.DEVNULL)
        size = (workspace.root / "attnctl.sqlite").stat().st_size
        print(f"{len(large)} runs, {rows:,} metric rows, {size / 1e6:,.0f} MB: {time.perf_counter() - started:.0f} s")
        found = medians(
            {
                "report of all runs": attnctl(workspace, "report", "all"),
                "report --table ean:2": attnctl(workspace, "report", "--table", "ean:2"),
                "papers": attnctl(workspace, "papers"),
                "sqlite3 and print": [sys.executable, "-c", PEER, str(workspace.root / "attnctl.sqlite")],
                "report of 28 runs": attnctl(few, "report", "all"),
                "report --table ean:2 of 28 runs": attnctl(few, "report", "--table", "ean:2"),
                "import sqlalchemy": [sys.executable, "-c", "import sqlalchemy"],
            },
            options.rounds,
        )
        print(f"{'':<34}   wall      cpu   ratio")
        for name, (wall, cpu) in found.items():
            peer = found["import sqlalchemy" if "28" in name else "sqlite3 and print"][0]
            print(f"{name:<34}{wall:6.3f} s {cpu:6.3f} s{wall / peer:6.2f}x")
        print(json.dumps({"goal": {"all runs": "< 1 s", "28 runs": "<= 2x import sqlalchemy"}}))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
