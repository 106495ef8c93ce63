"""`attnctl status` on 10,000 finished runs: the whole command, as a user starts it. Goal: below 0.5 s.

Usage: python benchmarks/status.py [RUNS [REPEATS]]
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workspaces import finished, specs

from db import open_index


def main() -> None:
    """Print the medians of the command and of its query of the index alone."""
    runs, repeats = (*map(int, sys.argv[1:3]), *(10_000, 7)[len(sys.argv) - 1 :])
    folder = Path(tempfile.mkdtemp(prefix="attnctl-bench-"))
    try:
        workspace = finished(folder / "w", specs(runs), 3)
        started = time.perf_counter()
        with open_index(workspace) as index:
            index.refresh()
        print(f"first ingestion of {runs} runs: {time.perf_counter() - started:.1f} s")
        commands = {
            "attnctl status": [
                str(Path(sys.executable).with_name("attnctl")),
                "--workspace",
                str(workspace.root),
                "status",
            ],
            "attnctl report": [
                str(Path(sys.executable).with_name("attnctl")),
                "--workspace",
                str(workspace.root),
                "report",
            ],
            "import sqlalchemy": [sys.executable, "-c", "import sqlalchemy"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(repeats):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                times[name].append(time.perf_counter() - started)
        for name, found in times.items():
            print(f"{name}: {statistics.median(found):.3f} s" + (" (goal: 0.5)" if name.endswith("status") else ""))
        started = time.perf_counter()
        with open_index(workspace) as index:
            index.refresh()
            index.runs()
        print(f"opening, refreshing and reading the index alone: {time.perf_counter() - started:.3f} s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
