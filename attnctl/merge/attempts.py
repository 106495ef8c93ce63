"""Matching and ordering the attempts of one run from two workspaces."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnctl.merge.files import Content, content, united
from attnctl.workspace.layout import Attempt, RunDir
from attnctl.workspace.records import RecordError, Request


@dataclass(frozen=True)
class MergedAttempt:
    """An attempt after the merge. ours, theirs: its number in this and in the other workspace; None if absent."""

    request: Request
    completed: bool
    content: Content = field(repr=False)
    ours: int | None = None
    theirs: int | None = None
    grown: bool = False
    """It is in both workspaces, and the other one has more of it."""

    @property
    def changed(self) -> bool:
        """Whether any part of it comes from the other workspace."""
        return self.ours is None or self.grown


def requests(run: RunDir) -> dict[int, Request]:
    """The attempts by number. Raises RecordError if a reservation is damaged or missing."""
    requests_by_number: dict[int, Request] = {}
    for attempt in run.attempts():
        request = Request.read(attempt.request)
        if request is not None:
            requests_by_number[attempt.number] = request
        elif attempt.incarnations():
            raise RecordError(f"{attempt.request} is missing, though the attempt was started")
    return requests_by_number


def join(ours: RunDir, theirs: RunDir) -> list[MergedAttempt]:
    """The attempts of both workspaces, each once, ordered by reservation time with a completed one last.

    Raises RecordError if one is damaged, or differs between the workspaces.
    """
    our_attempts, their_attempts = _by_nonce(ours), _by_nonce(theirs)
    merged = []
    for nonce in our_attempts.keys() | their_attempts.keys():
        our, their = our_attempts.get(nonce), their_attempts.get(nonce)
        if our is not None and their is not None:
            merged_content, grown = united(our[0].path, their[0].path)
            completed = our[0].completed or their[0].completed
            merged.append(MergedAttempt(our[1], completed, merged_content, our[0].number, their[0].number, grown))
        else:
            attempt, request = our or their or (None, None)
            assert attempt is not None
            assert request is not None
            number = (attempt.number, None) if our is not None else (None, attempt.number)
            files = content(attempt.path, links=our is not None)
            merged.append(MergedAttempt(request, attempt.completed, files, *number))
    return sorted(merged, key=lambda item: (item.completed, item.request.created, item.request.nonce))


def _by_nonce(run: RunDir) -> dict[str, tuple[Attempt, Request]]:
    attempts: dict[str, tuple[Attempt, Request]] = {}
    for number, request in requests(run).items():
        if request.nonce in attempts:
            existing = attempts[request.nonce][0].request
            raise RecordError(f"{run.attempt(number).request} is the same reservation as {existing}")
        attempts[request.nonce] = (run.attempt(number), request)
    return attempts
