"""Reading the folder of one run without a database; `attnctl.db.ingest` stores the result.

An unreadable file does not stop the reader: its error message is collected and the rest of the run is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from attnctl.lifecycle import evidence
from attnctl.lifecycle.evidence import Names
from attnctl.lifecycle.state import State, Verdict, decide
from attnctl.spec import RunSpec
from attnctl.workspace import events, requests
from attnctl.workspace.events import Evaluation, Log, Summary
from attnctl.workspace.layout import Attempt, Incarnation, RunDir, Workspace
from attnctl.workspace.record_files import numbered
from attnctl.workspace.records import RecordError, Request
from attnctl.workspace.submissions import Submitted

Token = tuple[int, int]
"""(attempt, incarnation)."""

MACHINE = ("node", "python", "torch", "cuda", "commit")
"""The text fields of env.json that the index stores, in `attnctl.db.schema.incarnation`."""


@dataclass
class Facts:
    """The content of one run's folder. Reading again adds only what has changed since."""

    spec: RunSpec | None = None
    """Set only if it was read this time; the file never changes."""
    described: bool = False
    """Whether the spec was read before."""
    requests: dict[int, Request] = field(default_factory=dict)
    logs: dict[Token, Log] = field(default_factory=dict)
    fresh: list[tuple[Token, Evaluation]] = field(default_factory=list)
    """The evaluations read this time."""
    problems: list[str] = field(default_factory=list)
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What `attnctl.workspace.stamps.look` found in the run's folders just before; empty: they are listed as needed."""

    def names_of(self, attempt: Attempt) -> Names:
        """The names in the folders of an attempt and of its newest incarnation, as far as they were listed."""
        folder = f"{attempt.path.parent.name}/{attempt.number}"
        start = self.names.get(f"{folder}/{self.token[1]}") if self.token is not None else None
        return Names(self.names.get(folder), start)

    @property
    def newest(self) -> int | None:
        """The number of the newest attempt."""
        return max(self.requests, default=None)

    @property
    def token(self) -> Token | None:
        """(attempt, incarnation) of the newest incarnation of the newest attempt."""
        return max((token for token in self.logs if token[0] == self.newest), default=None)

    def latest(self) -> dict[str, Any]:
        """The newest logged value of each column of `attnctl.db.schema.incarnation`."""
        columns: dict[str, Any] = {}
        for _, log in sorted(self.logs.items()):
            columns |= log.columns()
        return columns

    def devices(self) -> dict[Token, str]:
        """The device of each incarnation; empty when its log does not name one."""
        return {token: log.summary.device or "" for token, log in self.logs.items()}


class _Noting:
    """Collects the error message of an unreadable file instead of raising it; a class, since it guards each file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, RecordError):
            self._facts.problems.append(str(error))
        elif isinstance(error, OSError):
            self._facts.problems.append(f"{error.filename}: {error.strerror}")
        else:
            return False
        return True


def read_run(run: RunDir, facts: Facts) -> Facts | None:
    """Add what is new in a run's folder to `facts`; None while the folder has no spec yet. Raises events.Replaced.

    facts: what was read before; it is changed in place and returned.
    """
    if facts.spec is None and not facts.described:
        with _Noting(facts):
            if not run.spec.exists():
                return None
            facts.spec = run.read_spec()
    names = facts.names.get(run.attempts_folder.name)
    for attempt in run.attempts() if names is None else map(run.attempt, numbered(names)):
        _read_attempt(attempt, facts)
    return facts


def _read_attempt(attempt: Attempt, facts: Facts) -> None:
    if attempt.number not in facts.requests:
        with _Noting(facts):
            request = requests.read(attempt)
            if request is None:
                return  # the command that created the folder has not written the request yet
            facts.requests[attempt.number] = request
    names = facts.names_of(attempt).attempt
    for incarnation in attempt.incarnations() if names is None else map(attempt.incarnation, numbered(names)):
        log = facts.logs.setdefault(incarnation.token, Log())
        with _Noting(facts):
            for evaluations in events.read(incarnation.events, log):
                facts.fresh += [(incarnation.token, evaluation) for evaluation in evaluations]
        if not log.machine:
            with _Noting(facts):
                log.machine = _machine(incarnation)


def _machine(incarnation: Incarnation) -> dict[str, str]:
    """The text fields of env.json that the index stores; empty before the file exists. Raises RecordError."""
    document = incarnation.machine()
    if document is None:
        return {}
    node = document.get("node") or document.get("host")
    texts = {name: document.get(name) for name in MACHINE} | {"node": node if isinstance(node, str) else ""}
    return {name: value for name, value in texts.items() if isinstance(value, str)}


def judge(run: RunDir, facts: Facts, submissions: Mapping[str, Submitted]) -> Verdict:
    """The state of a run: of its newest attempt, unless the next one is still to be submitted.

    Unknown for a broken spec; new without attempts.
    """
    if facts.spec is None and not facts.described:
        return Verdict(State.UNKNOWN, facts.problems[0], 0.0)
    number = facts.newest
    newest = _judge_attempt(run, facts, submissions, number) if number is not None else None
    if run.root is not None:
        with _Noting(facts):
            newest = evidence.with_waiting(Workspace(run.root, run.path.parent), run.id, number or 0, newest)
    if newest is None:
        reason = facts.problems[0] if facts.problems else "it was never submitted"
        return Verdict(State.UNKNOWN if facts.problems else State.NEW, reason, 0.0)
    return newest


def _judge_attempt(run: RunDir, facts: Facts, submissions: Mapping[str, Submitted], number: int) -> Verdict:
    """The state of the newest attempt, which has this number."""
    attempt, request = run.attempt(number), facts.requests[number]
    start = attempt.incarnation(facts.token[1]) if facts.token is not None else None
    summary = facts.logs[facts.token].summary if facts.token is not None else Summary()
    submitted = submissions.get(request.tag)
    noting, names = partial(_Noting, facts), facts.names_of(attempt)
    verdict = decide(evidence.gather(attempt, request, submitted, start, summary.started, noting, names))
    if facts.problems and not verdict.reason:
        return replace(verdict, reason=facts.problems[0])
    if summary.lost and verdict.state is State.RUNNING and not verdict.reason:
        return replace(verdict, reason=f"it started over: its checkpoint of step {summary.lost} was gone")
    return verdict
