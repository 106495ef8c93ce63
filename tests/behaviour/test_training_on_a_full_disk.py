"""A disk that fills while a run trains: nothing is lost, and all goes on when there is space again."""

from pathlib import Path

import pytest

from attnctl.db import open_index
from tests.fixtures.small_disk import fill
from tests.jobs.training.training_workers import (
    Mischief,
    Run,
    events,
    exit_codes,
    logs,
    make_spec,
    metrics,
    outcomes,
    wait_until,
)


def reasons(run: Run) -> list[str]:
    """Why the runs of its workspace are in their states, as the index says, whose file finds no space either."""
    with open_index(run.workspace) as index:
        index.refresh()
        return [row.verdict.reason for row in index.runs()]


@pytest.mark.parametrize("world", [1, 2])
def test_a_training_continues_without_checkpoints_and_completes_when_there_is_space(
    disk: Path, tmp_path: Path, world: int
) -> None:
    calm, run = Run.create(tmp_path / "calm", make_spec()), Run.create(disk / "w", make_spec())
    slow = {rank: Mischief(slow=0.1) for rank in range(world)}
    with run.started(world, mischief=slow) as (processes, incarnation):
        wait_until(lambda: events(incarnation, "model"))
        filler = fill(disk)
        assert exit_codes(processes, 5) == [None] * world, "it waits for space to write its last checkpoint"
        wait_until(lambda: reasons(run) == ["waiting for disk space"])
        assert not list(run.directory.checkpoints.glob("*.pt"))
        filler.unlink()
        assert exit_codes(processes, 30) == [0] * world, logs(incarnation)
    assert outcomes(incarnation) == ["completed"] * world
    assert metrics(incarnation) == metrics(calm.train(world))


def test_a_worker_that_starts_on_a_full_disk_waits_for_space(disk: Path) -> None:
    run = Run.create(disk / "w", make_spec(epochs=1))
    tag, incarnation = run.submit()
    filler = fill(disk)
    with run.started(tag=tag) as (processes, _):
        assert exit_codes(processes, 5) == [None]
        wait_until(lambda: reasons(run) == ["waiting for disk space"])
        filler.unlink()
        assert exit_codes(processes, 30) == [0], logs(incarnation)
        assert reasons(run) == [""]
    assert outcomes(incarnation) == ["completed"]
