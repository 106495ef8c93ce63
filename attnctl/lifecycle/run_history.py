"""The whole history of a run, read from its folder without the index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from attnctl.lifecycle.results import Results
from attnctl.lifecycle.run_reader import Facts, Token, judge, read_run
from attnctl.lifecycle.state import Verdict
from attnctl.lifecycle.usage import Usage, of_attempt
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.events import Evaluation
from attnctl.workspace.layout import RunDir, Workspace, skip_unreadable
from attnctl.workspace.records import RecordError
from attnctl.workspace.submissions import Submitted


@dataclass(frozen=True)
class StepValues:
    """The metrics of one step, each from the latest attempt that has it. tokens: (attempt, incarnation) of each."""

    step: int
    epoch: int
    at: float | None
    """When, in Unix seconds."""
    values: Mapping[str, float]
    tokens: Mapping[str, Token]


@dataclass(frozen=True)
class RunHistory:
    """Everything in a run's folder. steps: ascending."""

    folder: RunDir
    spec: RunSpec
    verdict: Verdict
    steps: tuple[StepValues, ...]
    facts: Facts

    @property
    def problems(self) -> tuple[str, ...]:
        """One message for each unreadable file of the folder."""
        return tuple(dict.fromkeys(self.facts.problems))

    @cached_property
    def results(self) -> Results:
        """The last and the best epoch, computed as the index does."""
        results = Results()
        for item in self.steps:
            results.add(Evaluation(item.step, item.epoch, dict(item.values)))
        return results

    @cached_property
    def usage(self) -> tuple[Usage, ...]:
        """What each start used, oldest first."""
        return tuple(used for attempt in self.folder.attempts() for used in of_attempt(attempt))

    @property
    def started(self) -> float | None:
        """The time of the run's first event, in Unix seconds."""
        starts = (log.summary.started for log in self.facts.logs.values())
        return min((start for start in starts if start is not None), default=None)

    def logged(self, name: str) -> object:
        """The newest logged value of a column of `attnctl.db.schema.incarnation`, such as params or device; or None."""
        return self.facts.latest().get(name)


class Histories:
    """Reads the histories of a workspace's runs; each submission file is read only once."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._head_of = submissions.cached_heads(workspace)

    def read(self, run_id: str) -> RunHistory:
        """The history of one run; raises RecordError when the run does not exist or its spec is unreadable."""
        run = self.workspace.run(run_id)
        facts = read_run(run, Facts())
        if facts is None:
            raise RecordError(f"{run.spec} is not there: {run_id} is not a run, or is being made")
        if facts.spec is None:
            raise RecordError(facts.problems[0])
        named = {request.tag: self._submitted(request.tag) for request in facts.requests.values()}
        return RunHistory(run, facts.spec, judge(run, facts, named), resolve(facts), facts)

    def _submitted(self, tag: str) -> Submitted:
        head = None
        with skip_unreadable():  # an unreadable submission counts as a missing one
            head = self._head_of(tag)
        return head or Submitted()


def resolve(facts: Facts) -> tuple[StepValues, ...]:
    """The metrics by step; of a step that was trained more than once, those of the latest attempt."""
    steps: dict[int, StepValues] = {}
    for token, item in sorted(facts.fresh, key=lambda pair: pair[0]):
        before = steps.get(item.step)
        values = {**before.values, **item.values} if before else item.values
        tokens = {**(before.tokens if before else {}), **dict.fromkeys(item.values, token)}
        steps[item.step] = StepValues(item.step, item.epoch, item.at, values, tokens)
    return tuple(steps[step] for step in sorted(steps))
