"""A paper as a graph: the runs of its tables, the runs that they start from, and which of them come first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl.cli.reporting import base_settings, paper_tables
from attnctl.cli.sweeping import init_weights, selection
from attnctl.cli.sweeping.plan import Planned, plan
from attnctl.cli.sweeping.selection import Selection
from attnctl.cost import CostModel, Estimate, Machine
from attnctl.papers import Paper, PaperTable
from attnctl.papers.beside import Beside
from attnctl.papers.runs import Overrides
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

BASE = "(base)"
"""The row of a run that is in no row: others start from it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table of the paper. selection: its runs; None where nothing can be trained, with the reason."""

    table: PaperTable
    selection: Selection | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A run. rows: as `3/SE-ResNet50`. comparisons: of the paper's claims that need it or what starts from it.

    estimate: of a run that has to be trained; None if nothing is known. processes: that train it. lacking: the weights
    that it needs and that are not here.
    """

    planned: Planned
    rows: tuple[str, ...] = (BASE,)
    comparisons: int = 0
    estimate: Estimate | None = None
    processes: int = 1
    lacking: str = ""

    @property
    def hours(self) -> float | None:
        """Process-hours, as likely as not; None if nothing is known."""
        return self.estimate.likely * self.processes / 3600 if self.estimate is not None else None

    @property
    def spec(self) -> RunSpec:
        """Its specification."""
        return self.planned.spec

    @property
    def starts(self) -> bool:
        """Whether it has to be trained."""
        return self.planned.action.starts


@dataclass(frozen=True, kw_only=True)
class Graph:
    """nodes: by run id, in the order in which they are trained: a base before what starts from it."""

    nodes: Mapping[str, Node] = field(default_factory=dict)

    def chain(self, run_id: str) -> list[Node]:
        """What has to be trained for a run: its bases, the first one first, and itself."""
        found: list[Node] = []
        node = self.nodes.get(run_id)
        while node is not None:
            if node.starts:
                found.insert(0, node)
            node = self.nodes.get(node.spec.base or "")
        return found

    def blocked(self, run_id: str) -> str:
        """Why a run cannot be trained now: the weights that it or one of its bases lacks; empty if it can."""
        return next((node.lacking for node in self.chain(run_id) if node.lacking), "")


def parts(
    workspace: Workspace,
    paper: Paper,
    tables: Sequence[PaperTable],
    overrides: Mapping[str, Overrides],
    rows: Sequence[str] = (),
) -> list[Part]:
    """The runs of each table; raises SpecError if there are none at all.

    overrides: by the table's number; they hold for its rows also where other tables start from them. rows: globs of the
    rows' names; empty: all
    """
    said = {table.name: overrides[table.number].to_json() for table in tables}
    own = {name: {key: value for key, value in words.items() if key != "seeds"} for name, words in said.items()}
    name = paper_tables.recorded_name(paper, workspace)
    found = []
    for table in tables:
        settings = base_settings.of_tables([table], overrides[table.number], None, workspace)
        settings = replace(settings, bases={**settings.bases, **{key: value for key, value in own.items() if value}})
        try:
            found.append(
                Part(table=table, selection=selection.of_table(paper, name, table, settings, rows, Beside(), workspace))
            )
        except SpecError as error:
            found.append(Part(table=table, reason=str(error)))
    if not any(part.selection for part in found):
        raise SpecError("; ".join(dict.fromkeys(part.reason for part in found)))
    return found


def specs_of(tables: Iterable[Part]) -> list[RunSpec]:
    """All runs of these tables, each after the runs that it starts from."""
    selections = [part.selection for part in tables if part.selection is not None]
    return [*{spec.id: spec for each in selections for spec in _with_origins(each.specs)}.values()]


def build(
    workspace: Workspace,
    paper: Paper,
    tables: Sequence[Part],
    model: CostModel,
    machine_of: Callable[[RunSpec], Machine],
    *,
    retry_failed: bool,
) -> Graph:
    """The graph of these tables: first seed by seed, then the rows that most comparisons need. Raises RecordError.

    machine_of: what trains a run
    """
    runs = {part.table.number: part.selection for part in tables if part.selection is not None}
    specs = {spec.id: spec for spec in specs_of(tables)}
    machines = {run: machine_of(spec) for run, spec in specs.items()}
    rows = _rows(runs)
    comparisons = _comparisons(paper, rows, specs)
    lacking = {run: words for run, spec in specs.items() if (words := init_weights.missing([spec]))}
    planned = {item.spec.id: item for item in plan(workspace, [*specs.values()], retry_failed=retry_failed)}
    nodes = {
        run: Node(
            planned=planned[run],
            rows=tuple(f"{number}/{row}" for number, row in rows.get(run, ())) or (BASE,),
            comparisons=comparisons[run],
            estimate=model.estimate(spec, machines[run]) if planned[run].action.starts else None,
            processes=machines[run].world,
            lacking=lacking.get(run, ""),
        )
        for run, spec in specs.items()
    }
    return Graph(nodes=_ordered(nodes))


def _with_origins(specs: Iterable[RunSpec]) -> Iterable[RunSpec]:
    """The runs, each after the runs that it starts from."""
    for spec in specs:
        if spec.origin is not None:
            yield from _with_origins([spec.origin])
        yield spec


def _rows(runs: Mapping[str, Selection]) -> dict[str, list[tuple[str, str]]]:
    """The rows of each run: number of the table, and name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for number, each in runs.items():
        for row in each.document["rows"]:
            for run in {run for variant in row["runs"] for run in variant}:
                entry = (number, row["row"])
                if entry not in found.setdefault(run, []):
                    found[run].append(entry)
    return found


def _comparisons(
    paper: Paper, rows: Mapping[str, Collection[tuple[str, str]]], specs: Mapping[str, RunSpec]
) -> Counter[str]:
    """In how many comparisons of the paper's claims each run stands, itself or what starts from it."""
    of_row = Counter((claim.table, name) for claim in paper.claims for pair in claim.pairs for name in pair)
    own = {run: sum(of_row[entry] for entry in entries) for run, entries in rows.items()}
    total: Counter[str] = Counter()
    for run, count in own.items():
        spec: RunSpec | None = specs[run]
        while spec is not None:
            total[spec.id] += count
            spec = specs.get(spec.base or "")
    return total


def _ordered(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """By seed, then by comparisons, then as in the paper; a base before what starts from it."""
    ordered: dict[str, Node] = {}

    def place(node: Node) -> None:
        base = nodes.get(node.spec.base or "")
        if base is not None and base.spec.id not in ordered:
            place(base)
        ordered[node.spec.id] = node

    for node in sorted(nodes.values(), key=lambda node: (node.spec.seed, -node.comparisons)):
        if node.spec.id not in ordered:
            place(node)
    return ordered
