"""What a run's folder tells of all its attempts: how each ended, from which step to which, and with what.

Of a log of events only its begin and its end are read, as far back as its last checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from attnctl.lifecycle import evidence
from attnctl.lifecycle.resume_policy import Ended, History
from attnctl.lifecycle.state import Verdict, blamed, world
from attnctl.spec import RunSpec
from attnctl.units import parse_memory
from attnctl.values import SpecError
from attnctl.workspace import checkpoints, untrusted_json
from attnctl.workspace.layout import Attempt, Incarnation, RunDir
from attnctl.workspace.records import Event, Exit, Observed, Request, read_events
from attnctl.workspace.submissions import HeadOf

_BLOCK = 1 << 16
_LAST = 2048
_LONGEST = 4096
_CHECKPOINT = b'"kind": "checkpoint"'
_NODES = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(kw_only=True)
class Log:
    """What the events of one incarnation say. saved, saved_at: its newest checkpoint; last: its newest event."""

    began: int = 0
    step: int = 0
    steps: int = 0
    saved: int = 0
    saved_at: float | None = None
    first: float | None = None
    last: float | None = None
    images_per_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class AttemptHistory:
    """One attempt, for people: its request, its verdict and the logs of its incarnations by number."""

    attempt: Attempt
    request: Request
    verdict: Verdict
    observed: Sequence[Observed]
    exits: Sequence[Exit]
    """Of the newest incarnation."""
    logs: dict[int, Log] = field(default_factory=dict)

    @property
    def ended(self) -> Ended:
        """The attempt as the policy wants it."""
        logs = list(self.logs.values())
        return Ended(
            number=self.attempt.number,
            state=self.verdict.state,
            reason=self.verdict.reason,
            error=self.error,
            began=logs[0].began if logs else 0,
            saved=max((log.saved for log in logs), default=0),
            trained=any(log.step > log.began for log in logs) or any(item.step > self._began for item in self.exits),
            memory=memory(self.request),
            world=world(self.request),
            nodes=nodes(self.observed),
        )

    @property
    def _began(self) -> int:
        return max((log.began for log in self.logs.values()), default=0)

    @property
    def error(self) -> str:
        """The last line of what the rank that failed first said, else the reason of the state."""
        cause = blamed(self.exits) or next(iter(self.exits), None)
        told = cause.message if cause is not None and cause.outcome != "completed" else ""
        return told or self.verdict.reason


def read(run: RunDir, head_of: HeadOf) -> list[AttemptHistory]:
    """The attempts, oldest first. Raises RecordError for a broken request."""
    found = []
    for attempt in run.attempts():
        request = Request.read(attempt.request)
        if request is None:
            continue  # its maker is about to write it
        incarnations = attempt.incarnations()
        found.append(
            AttemptHistory(
                attempt=attempt,
                request=request,
                verdict=evidence.verdict(attempt, request, head_of),
                observed=attempt.observations(),
                exits=incarnations[-1].exits() if incarnations else (),
                logs={item.token[1]: read_log(item) for item in incarnations},
            )
        )
    return found


def history(run: RunDir, spec: RunSpec, told: Sequence[AttemptHistory]) -> History:
    """The run as the policy wants it."""
    checkpoint = checkpoints.newest_step(run)
    written = max((item.ended.saved for item in told), default=0)
    return History(
        run=run.id,
        attempts=[item.ended for item in told],
        checkpoint=checkpoint,
        gone=written if written and checkpoint is None else None,
        worlds=spec.recipe.worlds,
    )


def seconds_lost(told: Sequence[AttemptHistory]) -> float | None:
    """The time between the newest checkpoint and the end of the last attempt, None when that is not known."""
    if not told or not told[-1].logs:
        return None
    newest = list(told[-1].logs.values())[-1]
    since = newest.saved_at or newest.first
    if since is None or newest.last is None:
        return None
    return max(0.0, newest.last - since)


def seconds_left(told: Sequence[AttemptHistory], spec: RunSpec, checkpoint: int | None) -> float | None:
    """The time that the run still needs at its last speed; None when that is not known."""
    logs = [log for item in told for log in item.logs.values() if log.images_per_s and log.steps]
    if not logs or not logs[-1].images_per_s:
        return None
    return max(0, logs[-1].steps - (checkpoint or 0)) * spec.recipe.batch / logs[-1].images_per_s


def memory(request: Request) -> int | None:
    """MB a node that the attempt asked for; None when it left that to the cluster."""
    try:
        return parse_memory(str(request.options["mem"])) if "mem" in request.options else None
    except SpecError:
        return None


def nodes(observed: Sequence[Observed]) -> tuple[str, ...]:
    """The node that the attempt last had on SLURM; none when it had several, or the answer is of another form."""
    said = next((item.nodes for item in reversed(observed) if item.nodes and item.source != "local"), "")
    return (said,) if _NODES.fullmatch(said) else ()


# ------------------------------------------------------------------------------------------------------------ events


def read_log(incarnation: Incarnation) -> Log:
    """What the events of an incarnation say; an empty answer when there are none, or they cannot be read."""
    log = Log()
    with contextlib.suppress(OSError), incarnation.events.open("rb") as stream:
        for line in stream.read(_BLOCK).split(b"\n"):
            kind = _take_line(log, line)
            if kind in {Event.PROGRESS, Event.METRICS, Event.CHECKPOINT}:
                break
        for line in _ending(stream):
            _take_line(log, line)
    return log


def _take_line(log: Log, line: bytes) -> str | None:
    """Take in one line; its kind, None for a torn one."""
    for event in read_events(line):
        _take(log, event)
        return str(event["kind"])
    return None


def _ending(stream: BinaryIO) -> list[bytes]:
    """The line of the last checkpoint, if there is one, and the last lines of the log."""
    position, data, mark = stream.seek(0, os.SEEK_END), b"", -1
    while position > 0 and mark < 0:
        start = max(0, position - _BLOCK)
        stream.seek(start)
        block = stream.read(position - start)
        data, position = block + data, start
        mark = data.rfind(_CHECKPOINT, 0, len(block) + _LONGEST)
        if mark >= 0 and data.rfind(b"\n", 0, mark) < 0 and start:
            mark = -1  # its line begins in an earlier block
    last = data[max(0, len(data) - _LAST) :].split(b"\n")[1:] if len(data) > _LAST else data.split(b"\n")
    if mark < 0:
        return last
    return [data[data.rfind(b"\n", 0, mark) + 1 :].split(b"\n", 1)[0], *last]


def _take(log: Log, event: dict[str, Any]) -> None:
    number = {name: value for name, value in event.items() if untrusted_json.fits(value, float)}
    moment = number.get("t")
    if moment is not None:
        log.first = moment if log.first is None else log.first
        log.last = moment if log.last is None else max(log.last, moment)
    log.step = int(number.get("step", log.step))
    log.images_per_s = number.get("images_per_s", log.images_per_s)
    if event["kind"] == Event.MODEL:
        log.steps = int(number.get("steps", 0))
    elif event["kind"] == Event.RESUMED:
        log.began = int(number.get("step", 0))
    elif event["kind"] == Event.CHECKPOINT and number.get("step", -1) >= log.saved:
        log.saved, log.saved_at = int(number["step"]), moment
