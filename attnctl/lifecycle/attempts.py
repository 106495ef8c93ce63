"""What a run's folder tells of all its attempts: how each ended, from which step to which, and with what.

Of a log of events only its begin and its end are read, as far back as its last checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from attnctl.lifecycle import evidence
from attnctl.lifecycle.resume_policy import Ended, History
from attnctl.lifecycle.state import Verdict, blamed, world
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
    """One attempt, for people: its request, its verdict and the logs of its incarnations by number."""

    attempt: Attempt
    request: Request
    verdict: Verdict
    observed: Sequence[Observed]
    exits: Sequence[Exit]
    """Of the newest incarnation."""
    logs: dict[int, Summary] = field(default_factory=dict)

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
            trained=any(step > began for step, began in self._stretches()),
            memory=memory(self.request),
            world=world(self.request),
            nodes=nodes(self.observed),
        )

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """The last step of each start, by its log and by each exit record, and the step from which it resumed."""
        yield from ((log.step or 0, log.began) for log in self.logs.values())
        began = max((log.began for log in self.logs.values()), default=0)
        yield from ((item.step, began) for item in self.exits)

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
                logs={item.token[1]: read_ends(item.events) for item in incarnations},
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
    since = newest.saved_at or newest.started
    if since is None or newest.heartbeat is None:
        return None
    return max(0.0, newest.heartbeat - since)


def seconds_left(told: Sequence[AttemptHistory], spec: RunSpec, checkpoint: int | None) -> float | None:
    """The time that the run still needs at its last speed; None when that is not known."""
    for log in reversed([log for item in told for log in item.logs.values()]):
        if log.images_per_s and log.steps:
            return max(0, log.steps - (checkpoint or 0)) * spec.recipe.batch / log.images_per_s
    return None


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
