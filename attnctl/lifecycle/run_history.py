"""A run's whole history, read from its folder: no index is needed, so it works anywhere, and while runs go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from attnctl.lifecycle.results import Results
from attnctl.lifecycle.run_reader import Facts, Token, judge, read_run
from attnctl.lifecycle.state import Verdict
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.events import Evaluation
from attnctl.workspace.layout import Workspace, passing_over
from attnctl.workspace.records import RecordError
from attnctl.workspace.submissions import Submitted


@dataclass(frozen=True)
class Measured:
    """The values of one step, each of the latest attempt that has it, and whose they are: (attempt, incarnation)."""

    step: int
    epoch: int
    at: float | None
    """When, in Unix seconds."""
    values: Mapping[str, float]
    tokens: Mapping[str, Token]


@dataclass(frozen=True)
class History:
    """All that a run's folder says of it. steps: ascending; problems: broken files, in words."""

    spec: RunSpec
    verdict: Verdict
    steps: tuple[Measured, ...]
    facts: Facts

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the folder is broken, in words."""
        return tuple(dict.fromkeys(self.facts.problems))

    @cached_property
    def results(self) -> Results:
        """The last and the best epoch, as the index has them."""
        found = Results()
        for item in self.steps:
            found.add(Evaluation(item.step, item.epoch, dict(item.values)))
        return found

    @property
    def started(self) -> float | None:
        """The first event of the first attempt, in Unix seconds."""
        starts = (log.summary.started for log in self.facts.logs.values())
        return min((start for start in starts if start is not None), default=None)

    def told(self, name: str) -> object:
        """What the newest log says under a column of `attnctl.db.schema.incarnation`: params, device ...; or None."""
        return self.facts.latest().get(name)


class Histories:
    """Reads the runs of a workspace, one after the other; a submission's file is read once for all of its runs."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._head_of = submissions.cached_heads(workspace)

    def read(self, run_id: str) -> History:
        """The history of one run; raises RecordError when there is no such run, or its spec is broken."""
        run = self.workspace.run(run_id)
        facts = read_run(run, Facts())
        if facts is None:
            raise RecordError(f"{run.spec} is not there: {run_id} is not a run, or is being made")
        if facts.spec is None:
            raise RecordError(facts.problems[0])
        named = {request.tag: self._submitted(request.tag) for request in facts.requests.values()}
        return History(facts.spec, judge(run, facts, named), resolve(facts), facts)

    def _submitted(self, tag: str) -> Submitted:
        found = None
        with passing_over():  # as when it is missing: the run's own folder still says what it can
            found = self._head_of(tag)
        return found or Submitted()


def resolve(facts: Facts) -> tuple[Measured, ...]:
    """The values that count, by step: of one that was trained again, those of the latest attempt."""
    found: dict[int, Measured] = {}
    for token, item in sorted(facts.fresh, key=lambda pair: pair[0]):
        before = found.get(item.step)
        values = {**before.values, **item.values} if before else item.values
        tokens = {**(before.tokens if before else {}), **dict.fromkeys(item.values, token)}
        found[item.step] = Measured(item.step, item.epoch, item.at, values, tokens)
    return tuple(found[step] for step in sorted(found))
