"""The ranking of a search: the samples of each module by what they reach on held-out images, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from attnctl.db import RunRow
from attnctl.reports.comparison.metrics import columns_of
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.replicates import of_versions
from attnctl.reports.report import Report
from attnctl.reports.search_samples import Module, Sample
from attnctl.reports.selection import Options, with_columns, with_decimals
from attnctl.reports.table import Cell, Group, ReportColumn, ReportTable, Row
from attnctl.search.sampled import is_shared
from attnctl.spec import NO_MODULE
from attnctl.units import quantity
from attnctl.values import comma_join, format_value
from attnctl.workspace.records import Search

HOURS = ReportColumn(name="hours", title="hours", decimals=3)
RUN = ReportColumn(name="run", title="run", kind="words")


def build(
    search: Search,
    modules: Sequence[Module],
    on_all_images: Mapping[str, Sequence[RunRow]],
    hours: Mapping[str, float],
    title: str,
    options: Options,
) -> Report:
    """The ranking. on_all_images: by family, the runs of winners without a validation split. hours: by run."""
    behind = [row for module in modules for sample in module.samples for row in sample.runs.rows]
    columns = with_decimals(tuple(_columns(modules, behind)), options.decimals)
    groups, names = [], []
    with_placement = len({module.spec.placement for module in modules if module.spec.module != NO_MODULE}) > 1
    for module in modules:
        name = module.name(with_placement=with_placement)
        rows = [
            _row(module, rank, sample, columns, search, on_all_images, hours)
            for rank, sample in enumerate(module.ranked, start=1)
        ]
        names += [f"{name}/{rank}" for rank in range(1, len(rows) + 1)]
        groups.append(Group(title=_title(module, name, options.names), rows=tuple(rows)))
    table = ReportTable(
        title=title,
        headers=("rank", *([_unit(modules)] if search.halving else []), *_ranges(search)),
        columns=columns,
        groups=tuple(groups),
        notes=tuple(_notes(search, modules, hours, options, with_placement=with_placement)),
    )
    printed = [column.name for column in columns if column.name != RUN.name]
    return Report(
        table=with_columns(table, options.columns),
        names=tuple(names),
        warnings=tuple(_unequal(modules)),
        printed=None if options.columns else with_columns(table, printed),
    )


def _columns(modules: Sequence[Module], rows: Sequence[RunRow]) -> Iterator[ReportColumn]:
    metrics = {module.metric.name for module in modules}
    for column in columns_of(rows):
        if column.name in metrics:
            yield replace(column, title=f"held-out {column.title}")
            yield replace(column, name=f"{column.name}.test", title=f"test {column.title}", better=None)
    yield ReportColumn(name="steps", title="steps", decimals=0)
    yield HOURS
    yield RUN


def _row(
    module: Module,
    rank: int,
    sample: Sample,
    columns: Sequence[ReportColumn],
    search: Search,
    on_all_images: Mapping[str, Sequence[RunRow]],
    hours: Mapping[str, float],
) -> Row:
    measured = sample.runs.cell(module.metric)
    rows, ids = sample.runs.rows, tuple(row.id for row in sample.runs.rows)
    used = [hours[run] for run in ids if run in hours]
    cells = {
        module.metric.name: replace(measured, best=rank == 1 and measured.value is not None),
        f"{module.metric.name}.test": _tested(module, sample, on_all_images) if sample is module.winner else Cell(),
        "steps": Cell(value=sum(row.step or 0 for row in rows), runs=ids),
        "hours": Cell(value=sum(used) if used else None, runs=ids),
        "run": Cell(printed=comma_join(run[:8] for run in ids), runs=ids),
    }
    length = [str(sample.length)] if search.halving else []
    values = (format_value(sample.values[name]) if name in sample.values else "" for name in _ranges(search))
    return Row(
        header=(str(rank) if measured.value is not None else "", *length, *values),
        cells=tuple(cells.get(column.name, Cell()) for column in columns),
    )


def _unit(modules: Sequence[Module]) -> str:
    """What the length of a training is counted in."""
    return "epochs" if all(module.spec.recipe.epochs for module in modules) else "length"


def _ranges(search: Search) -> list[str]:
    """What the search varies, first what all modules share."""
    return sorted(search.ranges, key=lambda name: (not is_shared(name), name))


def _tested(module: Module, winner: Sample, on_all_images: Mapping[str, Sequence[RunRow]]) -> Cell:
    """What the winner reaches on the test set, in the last epoch: the test set chooses neither sample nor epoch."""
    rows = on_all_images.get(winner.on_all_images.family, ())
    if not rows:
        return Cell(state="not trained")
    runs = of_versions(rows, {row.id for row in rows}, {row.seed for row in rows})
    return runs.cell(replace(module.metric, epoch="last"))


def _title(module: Module, name: str, names: DisplayNames) -> str:
    text = "no attention" if module.spec.module == NO_MODULE else name
    return f"{text}: {names.network(module.spec.network)} on {names.dataset(module.spec.dataset)}"


def _notes(
    search: Search, modules: Sequence[Module], hours: Mapping[str, float], options: Options, *, with_placement: bool
) -> Iterator[str]:
    splits = comma_join(dict.fromkeys(format_value(module.spec.recipe.val_split) for module in modules))
    yield (
        f"Search: {search.method}, {quantity(search.samples, 'sample')} of each module, search seed {search.seed}: "
        + "; ".join(f"{name} {search.ranges[name]}" for name in _ranges(search))
    )
    if search.halving:
        parts = (f"{count} for {'all' if by == 1 else f'1/{by}'} of the training" for count, by in search.rungs)
        yield f"Halving, the same for each module: {', the best '.join(parts)}; each rung is trained from the start."
    if search.asynchronous:
        yield (
            "Samples went on as soon as they were among the best of those that had ended (ASHA): as many as with rungs "
            "that wait, but one that ended late may have been left behind."
        )
    yield (
        f"held-out: {options.epoch} epoch, on images held out of the training set (val_split={splits}), which are the "
        "same for all samples. test: last epoch of the winner trained again on all training images, mean over seeds."
    )
    for module in modules:
        name, best = module.name(with_placement=with_placement), module.ranked[0]
        what = "Winner" if module.winner else "Best so far"
        wanted = quantity(module.wanted, "training" if search.halving else "sample")
        ended = f"{sum(item.ended for item in module.samples)} of {wanted} ended"
        values = " ".join(f"{key}={format_value(value)}" for key, value in best.values.items()) or "the only sample"
        if best.runs.done(module.metric):
            yield f"{what} of {_where(module, name, modules)}: {values}; {ended}"
        else:
            yield f"{_where(module, name, modules)}: no result yet; {ended}"
    names = [module.name(with_placement=with_placement) for module in modules]
    budgets = (_budget(search, module, name, modules, hours) for module, name in zip(modules, names, strict=True))
    yield f"Budget: {'; '.join(budgets)}"
    if len(modules) > 1 and any(map(is_shared, search.ranges)):
        shared = comma_join(name for name in _ranges(search) if is_shared(name))
        same = len({module.points for module in modules}) == 1
        yield f"The samples of {shared} are {'the same' if same else 'not the same'} for all modules."


def _where(module: Module, name: str, modules: Sequence[Module]) -> str:
    """The module; with its network and data set where there are several."""
    several = len({(item.spec.network, item.spec.dataset) for item in modules}) > 1
    return f"{name} in {module.spec.network} on {module.spec.dataset}" if several else name


def _budget(search: Search, module: Module, name: str, modules: Sequence[Module], hours: Mapping[str, float]) -> str:
    rows = [row for sample in module.samples for row in sample.runs.rows]
    used = [hours[row.id] for row in rows if row.id in hours]
    unit = "hours of a CPU process" if all((row.device or "cpu").startswith("cpu") for row in rows) else "GPU-hours"
    spent = f", {sum(used):.3g} {unit}" if used else ""
    steps = sum(row.step or 0 for row in rows)
    count = quantity(len(module.samples), "training" if search.halving else "sample")
    return f"{_where(module, name, modules)} {count}, {steps:,} steps{spent}"


def _unequal(modules: Sequence[Module]) -> Iterator[str]:
    """Warnings where modules that are compared had different budgets."""
    networks: dict[tuple[str, str], list[Module]] = {}
    for module in modules:
        networks.setdefault((module.spec.network, module.spec.dataset), []).append(module)
    for (network, dataset), compared in networks.items():
        counts = {module.spec.module: len(module.samples) for module in compared}
        steps = {module.spec.module: module.steps for module in compared}
        for what, found in (("samples", counts), ("training steps", steps)):
            if len(set(found.values())) > 1:
                each = comma_join(f"{name} {number:,}" for name, number in found.items())
                yield f"{network} on {dataset}: budgets differ: {what}: {each}"
                break
