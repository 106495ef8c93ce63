"""How long commands take to start: their help beside `sqlite-utils --help`, in interleaved rounds, medians.

    .venv/bin/python benchmarks/startup.py [--quick] [--rounds N]

Goals: `attnctl --help` <= 1.3x, `attnctl sweep ela --help` < 2x. requirements-dev.txt installs sqlite-utils. It loads
pandas where that is installed, so a second figure is of it without.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from arguments import Arguments

BIN = Path(sys.executable).parent

# Stands for an environment without pandas: the import fails as it would there.
_WITHOUT_PANDAS = (
    "import sys; sys.modules['pandas'] = None; sys.argv[0] = 'sqlite-utils'; from sqlite_utils.cli import cli; cli()"
)

PEER, BARE = "sqlite-utils --help", "sqlite-utils --help, without pandas"
COMMANDS: Mapping[str, Sequence[str]] = {
    PEER: [str(BIN / "sqlite-utils"), "--help"],
    BARE: [sys.executable, "-c", _WITHOUT_PANDAS, "--help"],
    "attnctl --help": [str(BIN / "attnctl"), "--help"],
    "attnctl sweep ela --help": [str(BIN / "attnctl"), "sweep", "ela", "--help"],
    "attnctl modules": [str(BIN / "attnctl"), "modules"],
    "attnctl status (nothing there)": [str(BIN / "attnctl"), "status"],
    "attnctl sweep ela --dry-run": [str(BIN / "attnctl"), "sweep", "ela", "--run-on", "local", "--dry-run"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def seconds(command: Sequence[str], folder: str) -> float:
    """Wall time of one start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTNCTL_")}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each command: milliseconds, and the ratios to the peer."""
    arguments = Arguments(__doc__)
    arguments.size("rounds", 15, 1, "measured rounds")
    rounds = arguments.read().rounds
    if not (BIN / "sqlite-utils").exists():
        sys.exit("sqlite-utils is not installed; run: pip install -r requirements-dev.txt")
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS.values():
            seconds(command, folder)  # bytecode and file cache
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                times[name].append(seconds(command, folder))
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'command':<38}{'ms':>6}{'x peer':>8}{'x bare peer':>13}   (medians of {rounds} rounds)")
    for name, value in medians.items():
        print(f"{name:<38}{1000 * value:>6.0f}{value / medians[PEER]:>8.2f}{value / medians[BARE]:>13.2f}")


if __name__ == "__main__":
    main()
