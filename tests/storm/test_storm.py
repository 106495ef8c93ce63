"""The storm: whatever a cluster does, every run ends with the numbers of calm weather."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import SHORT
from faults import FAULTS, restore
from harness import Hit, Size, Storm, StormError, Sweep, end_jobs, small_disk
from report import Report, judge

SEED = int(os.environ.get("SEED", "1"))


def weather(
    calm: Sweep, size: Size, kinds: Sequence[str], seed: int, folder: Path, off: str = "", patience: float = 600
) -> Report:
    """Send a storm, and judge it; the cluster is as before."""
    with small_disk(folder / "workspace", size.disk) as small:
        wanted = [kind for kind in kinds if small or kind != "disk full"]
        storm = Storm(folder / "workspace", folder / "aside", size, off)
        hits: list[Hit] = []
        stuck = ""
        try:
            try:
                storm.rage(wanted, seed, hits, patience)
            except StormError as error:
                stuck, storm.ended = str(error), time.time()
            finally:
                restore(storm)
            return judge(storm, calm, hits, seed, {kind: wanted.count(kind) for kind in wanted}, stuck)
        finally:
            end_jobs(storm)


@pytest.mark.slurm
def test_a_short_storm_ends_with_the_numbers_of_calm_weather(calm: Sweep, tmp_path: Path) -> None:
    report = weather(calm, SHORT, list(FAULTS), SEED, tmp_path)
    sys.stdout.write(report.text() + "\n")
    report.write(tmp_path / "report.json")
    assert report.problems == []
