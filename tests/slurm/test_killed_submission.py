"""The command line is killed at every open, rename, link, fsync and spawn of a submission, then run again.

All on the real cluster, with held jobs: each run is queued once, however often commands were killed.
"""

import errno
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.jobs.slurm.adopt import SBATCH_TIMEOUT
from attnctl.jobs.submission import code_snapshot
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config, SlurmOptions
from attnctl.workspace import submissions
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Request, Resources, Submission
from tests.slurm.kill_points import KILLED, run_killed
from tests.slurm.real_cluster import slurm

pytestmark = pytest.mark.slurm

SWEEP = ("sweep", "se", "--name", "s", "--epochs", "1", "--gpus-per-node", "0", "--time", "5", "--json")


class Place:
    """A workspace whose jobs are held, and bear its name as their comment: so that none of them hides."""

    def __init__(self, root: Path) -> None:
        self.root, self.log, self.mark = root, root.with_suffix(".log"), f"killed-{os.getpid()}-{time.monotonic_ns()}"
        root.mkdir()
        code_snapshot.keep(Workspace(root))
        (root / "attnctl.toml").write_text(f'[slurm]\nextra = {{ hold = "true", comment = "{self.mark}" }}\n')
        self.workspace = Workspace(root)

    def command(self, words: Sequence[str], kill_at: int = 0, error: int | None = None) -> int:
        return run_killed(self.root, kill_at, self.log, lambda: main(["--workspace", str(self.root), *words]), error)

    def points(self) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line.removeprefix("point: ") for line in lines if line.startswith("point: ")]

    def queued(self) -> list[tuple[str, str]]:
        """(array, tag) of each of its elements in the queue."""
        lines = slurm("squeue", "--me", "-r", "-h", "-o", "%i|%j|%k").splitlines()
        rows = [line.split("|") for line in lines]
        return [(row[0], row[1]) for row in rows if row[2] == self.mark]

    def queued_runs(self) -> list[str]:
        """The run of each element that is in the queue, as the job itself would find it: by tag and task."""
        found = []
        for job, tag in self.queued():
            submission = Submission.read(self.workspace.submission(tag))
            assert submission is not None, f"job {job} is of no submission"
            if submission.failed is None:
                found.append(submission.tasks[int(job.partition("_")[2])][0])
        return found

    def grow_old(self) -> None:
        """As if every sbatch that is not confirmed had been sent so long ago that none can be under way any more."""
        for head in submissions.heads(self.workspace):
            if head.job_id is None and head.failed is None:
                submissions.change(self.workspace, head.tag, created=head.created - 3 * SBATCH_TIMEOUT)

    def check(self, runs: Sequence[str], case: str) -> None:
        """Each run is queued once; its newest attempt is that job's, and every other one is closed."""
        assert sorted(self.queued_runs()) == sorted(runs), case
        for run in runs:
            attempts = self.workspace.run(run).attempts()
            requests = [Request.read(attempt.request) for attempt in attempts]
            heads = [submissions.head(self.workspace.submission(request.tag)) for request in requests if request]
            assert None not in heads, f"{case}: an orphan reservation of {run}"
            waiting = [
                head for head in heads if head is not None and head.failed is None and ":" not in str(head.job_id)
            ]
            assert [head.job_id is not None for head in waiting] == [True], case
        assert self.workspace.sweep("s").is_file(), case

    def empty(self) -> None:
        jobs = {job.partition("_")[0] for job, _ in self.queued()}
        if jobs:
            subprocess.run(["scancel", "--quiet", *jobs], check=False)


@pytest.fixture
def make_place(slurm_conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Place]]:
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    warm = Place(tmp_path / "warm")  # what commands import, they now import once for all
    for _ in range(2):
        main(["--workspace", str(warm.root), *SWEEP])
    warm.empty()
    made: list[Place] = []

    def make() -> Place:
        made.append(Place(tmp_path / f"w{len(made)}"))
        return made[-1]

    yield make
    for one in made:
        one.empty()


def preempted_before(place: Place) -> None:
    """The run of seed 0 has had an attempt, which was preempted."""
    overrides = {"epochs": ("1",)}
    specs = expand(Axes(modules=("se",), seeds=("0",), overrides=overrides)).specs
    submit(Config(workspace=place.workspace), specs, Resources(), SlurmOptions(), "local")
    record = Exit(rank=0, at=time.time(), outcome="preempted")
    write_atomic(place.workspace.run(specs[0].id).attempt(1).incarnation(0).exit(0), record.encode())


def test_a_sweep_that_is_killed_at_any_point_is_queued_once(make_place: Callable[[], Place]) -> None:
    words = (*SWEEP, "--seed", "0,1")
    first = make_place()
    preempted_before(first)
    assert first.command(words) == 0, first.log.read_text()
    points, runs = first.points(), first.workspace.run_ids()
    assert len(runs) == 2
    first.check(runs, "undisturbed")
    assert {"start of sbatch", "sbatch was started", "sbatch has answered", "fsync"} <= set(points)
    for number, name in enumerate(points, 1):
        place = make_place()
        preempted_before(place)
        case = f"killed at {number} of {len(points)}, {name}"
        assert place.command(words, number) == KILLED, f"{case}: {place.log.read_text()}"
        assert place.command(words) == 0, f"{case}: {place.log.read_text()}"
        found = place.queued_runs()
        assert len(found) == len(set(found)), f"{case}: twice in the queue"
        if len(found) < len(runs):
            time.sleep(0.5)  # an sbatch that outlives its command
            place.grow_old()
            assert place.command(words) == 0, f"{case}: {place.log.read_text()}"
        place.check(runs, case)
        place.empty()


def test_a_disk_that_fills_at_any_point_is_reported_and_a_retry_completes_the_sweep(
    make_place: Callable[[], Place],
) -> None:
    words = (*SWEEP, "--seed", "0,1")
    first = make_place()
    assert first.command(words, error=errno.ENOSPC) == 0, first.log.read_text()
    points, runs = first.points(), first.workspace.run_ids()
    for number, name in enumerate(points, 1):
        place = make_place()
        error = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)[number % 3]
        case = f"no space from {number} of {len(points)} on, {name}"
        code = place.command(words, number, error)
        said = [line for line in place.log.read_text().splitlines() if line.startswith("attnctl: ")]
        assert code == 2, f"{case}: {code} {place.log.read_text()}"
        assert len(said) == 1, f"{case}: {said}"
        assert os.strerror(error) in said[0], f"{case}: {said}"
        assert place.command(words) == 0, f"{case}: {place.log.read_text()}"
        if len(place.queued_runs()) < len(runs):
            place.grow_old()
            assert place.command(words) == 0, f"{case}: {place.log.read_text()}"
        place.check(runs, case)
        place.empty()
