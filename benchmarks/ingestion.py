"""Ingestion against the least that could be done: json.loads of each line and sqlite3's executemany of the values.

Goal: at least 0.7 of its speed, from the files to committed rows, for the whole index. Interleaved pairs, medians.

    python benchmarks/ingestion.py [--quick] [--runs N] [--epochs N] [--pairs N]
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import sqlalchemy  # noqa: F401 (its import is not what is measured)
from arguments import Arguments
from workspaces import finished, specs

from attnctl.db import open_index
from attnctl.workspace.layout import Workspace


def bare(workspace: Workspace, path: Path) -> int:
    """The peer: one table without keys, one transaction; gives the number of rows."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE metric (run TEXT, step INTEGER, epoch INTEGER, name TEXT, value REAL)")
    for run in workspace.run_ids():
        rows = []
        with workspace.run(run).attempt(1).incarnation(0).events.open("rb") as stream:
            for line in stream:
                event = json.loads(line)
                if event["kind"] == "metrics":
                    rows += [(run, event["step"], event["epoch"], *item) for item in event["values"].items()]
        connection.executemany("INSERT INTO metric VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    count = int(connection.execute("SELECT count(*) FROM metric").fetchone()[0])
    connection.close()
    return count


def ours(workspace: Workspace) -> int:
    """The whole index."""
    with open_index(workspace) as index:
        index.refresh()
        with index.guarded() as store:
            return int(store.connection.execute("SELECT count(*) FROM metric").fetchone()[0])


def main() -> None:
    """Print the medians and their ratio."""
    arguments = Arguments(__doc__)
    arguments.size("runs", 200, 10, "runs")
    arguments.size("epochs", 200, 10, "epochs of each run")
    arguments.size("pairs", 5, 1, "measured pairs")
    options = arguments.read()
    folder = Path(tempfile.mkdtemp(prefix="attnctl-bench-"))
    try:
        workspace = finished(folder / "w", specs(options.runs), options.epochs)
        times: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(options.pairs):
            path = folder / "bare.sqlite"
            path.unlink(missing_ok=True)
            started = time.perf_counter()
            expected = bare(workspace, path)
            times["bare"].append(time.perf_counter() - started)
            with open_index(workspace) as index:
                index.location.unlink()
            started = time.perf_counter()
            found = ours(workspace)
            times["ours"].append(time.perf_counter() - started)
            assert found == expected, (found, expected)
        peer, own = (statistics.median(times[name]) for name in ("bare", "ours"))
        ratio = statistics.median(a / b for a, b in zip(times["bare"], times["ours"], strict=True))
        print(
            f"{options.runs} runs, {expected} metric rows: json.loads + executemany {peer:.2f} s, the index {own:.2f} s"
        )
        print(f"ingestion: {ratio:.2f} of the peer's speed (goal: 0.7), {expected / own:,.0f} rows/s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
