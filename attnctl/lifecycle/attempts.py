"""The attempts of a run, read from its folder: how each ended, which steps it trained, and its resources.

Only the beginning and the end of an event log are read, the end from its last checkpoint on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from attnctl.lifecycle import evidence
from attnctl.lifecycle.resume_policy import EndedAttempt, History
from attnctl.lifecycle.state import Verdict, first_failure, world
from attnctl.spec import RunSpec
from attnctl.units import parse_memory
from attnctl.values import SpecError
from attnctl.workspace import checkpoints
from attnctl.workspace.events import Summary, read_ends
from attnctl.workspace.layout import Attempt, RunDir
from attnctl.workspace.records import Exit, Observed, Request
from attnctl.workspace.submissions import HeadOf

_NODES = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class AttemptHistory:
    """One attempt: its request, its verdict, and the event summaries of its incarnations by number."""

    attempt: Attempt
    request: Request
    verdict: Verdict
    observed: Sequence[Observed]
    exits: Sequence[Exit]
    """Exit records of the newest incarnation."""
    logs: dict[int, Summary] = field(default_factory=dict)

    @property
    def ended(self) -> EndedAttempt:
        """The attempt as input for the resume policy."""
        logs = list(self.logs.values())
        return EndedAttempt(
            number=self.attempt.number,
            state=self.verdict.state,
            reason=self.verdict.reason,
            error=self.error,
            began=logs[0].began if logs else 0,
            saved=max((log.saved for log in logs), default=0),
            trained=any(step > began for step, began in self._stretches()),
            memory=memory(self.request),
            world=world(self.request),
            nodes=(self.verdict.node,) if self.verdict.node else nodes(self.observed),
        )

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Pairs (last step, first step) of each start, from its log and from each exit record."""
        yield from ((log.step or 0, log.began) for log in self.logs.values())
        began = max((log.began for log in self.logs.values()), default=0)
        yield from ((item.step, began) for item in self.exits)

    @property
    def error(self) -> str:
        """The error message of the rank that failed first, else the reason of the state."""
        cause = first_failure(self.exits) or next(iter(self.exits), None)
        message = cause.message if cause is not None and cause.outcome != "completed" else ""
        return message or self.verdict.reason


def read(run: RunDir, head_of: HeadOf) -> list[AttemptHistory]:
    """The attempts, oldest first. Raises RecordError for an unreadable request."""
    attempts = []
    for attempt in run.attempts():
        request = Request.read(attempt.request)
        if request is None:
            continue  # the command that created the folder has not written the request yet
        incarnations = attempt.incarnations()
        attempts.append(
            AttemptHistory(
                attempt=attempt,
                request=request,
                verdict=evidence.verdict(attempt, request, head_of),
                observed=attempt.observations(),
                exits=incarnations[-1].exits() if incarnations else (),
                logs={item.token[1]: read_ends(item.events) for item in incarnations},
            )
        )
    return attempts


def history(run: RunDir, spec: RunSpec, past: Sequence[AttemptHistory]) -> History:
    """The run as input for the resume policy. past: its attempts, oldest first."""
    checkpoint = checkpoints.newest_step(run)
    written = max((item.ended.saved for item in past), default=0)
    return History(
        run=run.id,
        attempts=[item.ended for item in past],
        checkpoint=checkpoint,
        gone=written if written and checkpoint is None else None,
        worlds=spec.recipe.worlds,
    )


def seconds_lost(past: Sequence[AttemptHistory]) -> float | None:
    """Seconds of training lost: from the newest checkpoint to the end of the last attempt; None when unknown."""
    if not past or not past[-1].logs:
        return None
    newest = list(past[-1].logs.values())[-1]
    since = newest.saved_at or newest.started
    if since is None or newest.heartbeat is None:
        return None
    return max(0.0, newest.heartbeat - since)


def seconds_left(past: Sequence[AttemptHistory], spec: RunSpec, checkpoint: int | None) -> float | None:
    """Seconds of training left at the run's last speed; None when unknown. checkpoint: its step."""
    for log in reversed([log for item in past for log in item.logs.values()]):
        if log.images_per_s and log.steps:
            return max(0, log.steps - (checkpoint or 0)) * spec.recipe.batch / log.images_per_s
    return None


def memory(request: Request) -> int | None:
    """Memory that the attempt requested, in MB per node; None for the cluster's default."""
    try:
        return parse_memory(str(request.options["mem"])) if "mem" in request.options else None
    except SpecError:
        return None


def nodes(observed: Sequence[Observed]) -> tuple[str, ...]:
    """The SLURM node that the attempt last ran on; empty when it had several or the nodelist is not a plain name."""
    nodelist = next((item.nodes for item in reversed(observed) if item.nodes and item.source != "local"), "")
    return (nodelist,) if _NODES.fullmatch(nodelist) else ()
