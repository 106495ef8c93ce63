"""The storm: whatever a cluster does, every run ends with the numbers of calm weather."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.storm.calm_weather import LONG, SHORT, calm_sweep
from tests.storm.faults import FAULTS, restore
from tests.storm.harness import PATIENCE, Hit, Size, Storm, StormError, Sweep, end_jobs, small_disk
from tests.storm.report import Report, judge

LENGTHY = {"killed reserving", "killed after sbatch", "time limit"}
SHORT_KINDS = [kind for kind in FAULTS if kind not in LENGTHY]
SEED = int(os.environ.get("SEED", "1"))


def weather(
    calm: Sweep, size: Size, kinds: Sequence[str], seed: int, folder: Path, off: str = "", patience: float = PATIENCE
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


@pytest.mark.timeout(3600)
def test_a_short_storm_ends_with_the_results_of_a_fault_free_sweep(calm: Sweep, tmp_path: Path) -> None:
    report = weather(calm, SHORT, SHORT_KINDS, SEED, tmp_path)
    tell(report, "short")
    assert report.problems == []


@pytest.mark.storm
@pytest.mark.timeout(3600)
def test_a_storm_over_shared_jobs_ends_with_the_results_of_runs_that_have_their_own(
    calm: Sweep, tmp_path: Path
) -> None:
    report = weather(calm, replace(SHORT, runs_per_job=2), SHORT_KINDS, SEED, tmp_path)
    tell(report, "shared")
    assert report.problems == []


@pytest.mark.storm
@pytest.mark.timeout(7200)
def test_a_long_storm_ends_with_the_results_of_a_fault_free_sweep(slurm_conf: str, tmp_path: Path) -> None:
    with calm_sweep(tmp_path / "calm", LONG) as calm:
        report = weather(calm, LONG, 3 * list(FAULTS), SEED, tmp_path / "storm")
    tell(report, "long")
    assert report.problems == []


@pytest.mark.storm
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("off", "words"),
    [
        ("fencing", "wrote beside its successor"),
        ("adoption", "is submitting"),
        ("deduplication", "metric rows are double"),
    ],
)
def test_without_a_safeguard_the_same_storm_fails(calm: Sweep, tmp_path: Path, off: str, words: str) -> None:
    report = weather(calm, SHORT, SHORT_KINDS, SEED, tmp_path, off, patience=PATIENCE / 4)
    tell(report, f"without-{off}")
    assert any(words in problem for problem in report.problems), report.problems


def tell(report: Report, name: str) -> None:
    """Print the report, and keep it as JSON where STORM_REPORTS says."""
    sys.stdout.write(f"\n{name} {report.text()}\n")
    if "STORM_REPORTS" in os.environ:
        report.write(Path(os.environ["STORM_REPORTS"]) / f"{name}-{report.seed}.json")
