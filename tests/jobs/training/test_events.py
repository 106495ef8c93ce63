"""The log of events."""

from pathlib import Path

import pytest

from attnctl.jobs.runtime import disk_full
from attnctl.jobs.training.events import EventLog
from attnctl.workspace.records import Event, read_events
from tests.fixtures.small_disk import fill


def test_events_are_kept_while_the_disk_is_full_and_written_later(disk: Path) -> None:
    log = EventLog(disk / "events.jsonl")
    filler = fill(disk)
    for step in range(3000):  # more than what is left of the file's page
        log.write(Event.METRICS, step=step)
    log.write(Event.PROGRESS, step=1)
    with pytest.raises(OSError, match="No space left") as error:
        log.sync()
    assert disk_full.is_full(error.value)
    filler.unlink()
    log.close()
    found = list(read_events((disk / "events.jsonl").read_bytes()))
    assert [event["step"] for event in found if event["kind"] == Event.METRICS] == list(range(3000))
    assert not [event for event in found if event["kind"] == Event.PROGRESS]
