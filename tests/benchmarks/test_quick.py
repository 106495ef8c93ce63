"""Every benchmark runs to its end with --quick, and `make bench` runs every benchmark."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if "\nif __name__ ==" in path.read_text())

SAYS = {
    "backbone_table": "| `resnet20` | 32 | 1 | 272,474 |",
    "checkpoint": "% of the training (goal: 1 %)",
    "commands": "sweep again",
    "coverage": "| seeds | correlation |",
    "detection": "ssdlite320 mobilenext",
    "detection_data": "of the peer's speed (goal: 1)",
    "detection_metrics": "largest difference in points of AP",
    "ingestion": "of the peer's speed (goal: 0.7)",
    "joint_forward": "of one forward (goal >= 0.97)",
    "loader": "| attnctl, packed, 256 pixels |",
    "module_table": "| `ela` | 576 | 2,304 |",
    "modules": "x * gate",
    "report": "report --table ean:2 of 28 runs",
    "startup": "attnctl sweep ela --help",
    "status": "with unfinished runs: skipped",
    "training": "ratio ",
}
"""What each benchmark prints."""

NEED_SLURM = {"submission"}
NEED_GPU = {"gpu"}
"""They have tests of their own."""


def quick(script: str, folder: Path) -> str:
    """What a benchmark prints with --quick where SLURM is installed without a cluster; it must leave nothing behind."""
    commands, empty = folder / "bin", folder / "empty"
    for path in (commands, empty):
        path.mkdir()
    for name in ("sbatch", "squeue", "sacct", "scontrol", "scancel"):
        (commands / name).write_text("#!/bin/sh\necho 'Could not establish a configuration source' >&2\nexit 1\n")
        (commands / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "SLURM_CONF"}
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{script}.py"), "--quick"],
        cwd=empty,
        env={**environment, "OMP_NUM_THREADS": "1", "PATH": str(commands)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(empty.iterdir())
    return done.stdout


def test_each_benchmark_is_listed() -> None:
    assert set(SCRIPTS) == SAYS.keys() | NEED_SLURM | NEED_GPU


@pytest.mark.parametrize("script", sorted(SAYS))
def test_a_benchmark_runs_with_quick(script: str, tmp_path: Path) -> None:
    assert SAYS[script] in quick(script, tmp_path)


def test_make_bench_runs_each_benchmark() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = re.search(r"^BENCHMARKS := (.*)$", makefile, re.MULTILINE)
    assert listed is not None
    assert {*listed[1].split(), *NEED_SLURM, *NEED_GPU} == set(SCRIPTS)
    assert all(f"more {name}" in makefile or f"more={name}" in makefile for name in NEED_SLURM | NEED_GPU)
