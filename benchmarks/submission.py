"""Submission beside submitit's bare map_array, on the real SLURM of `make slurm-up`; jobs are held and then cancelled.

    source .slurm/env.sh && .venv/bin/python benchmarks/submission.py [--quick] [--runs N] [--pairs N]

One pass of ours is the whole: the grid, the reservations, the durable intent, sbatch, the recorded job id; `again` is
the same command repeated, in which every run is found queued. Pairs are interleaved, the figures are medians.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import submitit
from arguments import Arguments

from attnctl.grid import Axes, expand
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config, SlurmOptions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources

HELD = SlurmOptions(extra={"hold": "true"})


def ours(root: Path, count: int) -> str:
    """Plan and submit; the job's id, empty when all was queued already."""
    seeds = tuple(map(str, range(count // 2)))
    specs = expand(Axes(modules=("ela",), hyperparameters={"kernel": ("5", "7")}, seeds=seeds)).specs
    done = submit(Config(workspace=Workspace(root)), specs, Resources(minutes=5), HELD, "slurm")
    return done[0].job_id or ""


def bare(root: Path, count: int) -> str:
    """submitit's own array of pickled functions: no plan, no reservation, nothing durable."""
    executor = submitit.SlurmExecutor(folder=root)
    executor.update_parameters(time=5, additional_parameters={"hold": True})
    return str(executor.map_array(abs, range(count))[0].job_id.partition("_")[0])


def timed(work: Callable[[Path, int], str], root: Path, count: int) -> float:
    """Seconds that the work takes; its job is cancelled afterwards."""
    start = time.perf_counter()
    job = work(root, count)
    seconds = time.perf_counter() - start
    if job:
        subprocess.run(["scancel", job], check=True)
    return seconds


def main() -> None:
    """Measure and print."""
    arguments = Arguments(__doc__)
    arguments.size("runs", 1000, 20, "runs of one submission; ten times as many are submitted once")
    arguments.size("pairs", 5, 1, "measured pairs")
    options = arguments.read()
    runs = options.runs
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        timed(ours, root / "warm", 10)  # imports
        pairs = []
        for pair in range(options.pairs):
            first = timed(ours, root / f"ours-{pair}", runs)
            pairs.append((first, timed(ours, root / f"ours-{pair}", runs), timed(bare, root / f"bare-{pair}", runs)))
        large = timed(ours, root / "large", 10 * runs)
    first, again, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(row[0] / row[2] for row in pairs)
    for words, seconds, note in (
        (f"{runs:,} runs planned and submitted", first, "(goal for 1,000: 2 s)"),
        ("the same command again", again, "(goal for 1,000: 1 s)"),
        (f"submitit map_array of {runs:,}", peer, f"ours / bare = {ratio:.2f}"),
        (f"{10 * runs:,} runs", large, f"{large / first / 10:.2f} of linear"),
    ):
        print(f"{words:<34}{seconds:6.2f} s  {note}")


if __name__ == "__main__":
    main()
