"""The runs of a sweep of modules; of some searches round by round, each from the results of those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnctl import sources
from attnctl.cli import context, sweep_records
from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.cli.sweeping.plan import Action, plan
from attnctl.cli.sweeping.selection import Selection, of_modules, with_weights
from attnctl.grid import Axes
from attnctl.search.results import Result
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace, skip_unreadable
from attnctl.workspace.records import Search

if TYPE_CHECKING:
    from attnctl.reports.search_samples import Module, Sample


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """A sweep as typed. search: None for a grid. name: of the sweep."""

    workspace: Workspace
    request: Axes
    typed: str
    search: Search | None
    skip_invalid: bool
    initial: InitOptions
    name: str | None

    def selection(self) -> Selection:
        """All runs; of a search in rounds those so far, and of the next round if it is due. Raises SpecError."""
        name = self.name if self._has_rounds else None
        found = of_modules(
            self.request,
            self.typed,
            skip_invalid=self.skip_invalid,
            search=self.search,
            results=of_sweep(self.workspace, name) if name is not None else (),
            recorded=_recorded(self.workspace, name) if name is not None else (),
        )
        return with_weights(found, self.initial, self.workspace)

    def unsubmitted(self, found: Selection) -> Selection:
        """Those runs of a selection that nobody has submitted yet, for a job, which starts nothing a second time.

        Raises SpecError if Python files or data of the user are not those of the search's earlier runs.
        """
        known: set[int | str] = set()
        for run in sweep_records.read(self.workspace, self.name or "").runs:
            with skip_unreadable():
                known |= set(self.workspace.run(run).read_spec().code_versions)
        new = [item.spec for item in plan(self.workspace, found.specs, retry_failed=False) if item.action is Action.NEW]
        if any(version not in known for spec in new for version in spec.code_versions if sources.is_own(version)):
            raise SpecError("a Python file that its trainings use has changed since the first ones were submitted")
        return replace(found, specs=new)

    def following(self, before: Selection) -> Selection | None:
        """The selection after the runs of an earlier one have ended; None if it has no more runs. Raises SpecError."""
        if not self._has_rounds:
            return None
        found, known = self.selection(), {spec.id for spec in before.specs}
        return None if all(spec.id in known for spec in found.specs) else found

    @property
    def _has_rounds(self) -> bool:
        return self.search is not None and self.search.has_rounds


def of_sweep(workspace: Workspace, name: str) -> list[Result]:
    """The results of the sweep of that name; none if there is no such search yet. Raises SpecError."""
    if not workspace.sweep(name).is_file():
        return []
    from attnctl.reports.search_samples import modules_of

    record = sweep_records.read(workspace, name)
    if record.search is None:
        return []
    with context.index() as index:
        index.refresh()
        rows = {row.id: row for row in index.runs(record.runs)}
        modules = modules_of(record.search, [rows[run] for run in record.runs if run in rows])
        return [_result(module, sample) for module in modules for sample in module.samples]


def _recorded(workspace: Workspace, name: str) -> Sequence[str]:
    """The ids of a sweep's runs; empty if no sweep has that name. Raises SpecError."""
    return sweep_records.read(workspace, name).runs if workspace.sweep(name).is_file() else ()


def _result(module: Module, sample: Sample) -> Result:
    mean = sample.runs.summary(module.metric)
    return Result(sample.spec, mean.mean if mean else None, sample.ended, module.metric.lower)
