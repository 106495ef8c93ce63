"""What the supervisor of a run on this machine sees of its progress, from the run's own events."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.jobs.local.supervisor import Job, Progress
from attnctl.jobs.training.events import EventLog
from attnctl.settings.config import find
from attnctl.workspace.records import Event

RUN = "0" * 16


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job that has not been started."""
    return Job(find(tmp_path, tmp_path, {}), "tag", 0, RUN, 1, "host:1")


def look(job: Job) -> Progress:
    """The progress after one look at the events."""
    job._read()
    return job.progress


def test_progress_follows_the_events(job: Job) -> None:
    assert look(job) == Progress(run=RUN, state="queued")
    log = EventLog(job.attempt.incarnation(0).events)
    log.write(Event.MODEL, steps=40, device="cpu")
    assert look(job) == Progress(run=RUN, state="running", steps=40)
    log.write(Event.RESUMED, step=10)
    log.write(Event.PROGRESS, step=15, loss=2.0, images_per_s=30.0)
    assert look(job) == Progress(run=RUN, state="running", step=15, steps=40, images_per_s=30.0)
    log.write(Event.METRICS, step=20, epoch=2, values={"top1": 50.0})
    expected = Progress(run=RUN, state="running", step=20, steps=40, images_per_s=30.0, metrics={"top1": 50.0})
    assert look(job) == look(job) == expected
    log.close()


def test_a_replaced_event_log_is_read_from_its_start(job: Job) -> None:
    path = job.attempt.incarnation(0).events
    log = EventLog(path)
    log.write(Event.MODEL, steps=40)
    log.write(Event.PROGRESS, step=15, images_per_s=30.0)
    log.close()
    before = look(job)
    path.write_text('{"kind": "model", "steps": 9}\n{"kind": "progress", "step": 3}\n')
    assert look(job) == before
    assert (look(job).step, look(job).steps) == (3, 9)
