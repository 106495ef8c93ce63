"""The benchmarks that need SLURM run to their end with --quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slurm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "says"), [("submission", "submitit map_array of 20"), ("status", "attnctl status with 10 unfinished")]
)
def test_a_benchmark_runs_with_quick(script: str, says: str, slurm_conf: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{script}.py"), "--quick"],
        cwd=tmp_path,
        env={**os.environ, "SLURM_CONF": slurm_conf},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
