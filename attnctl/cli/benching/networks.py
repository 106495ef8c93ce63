"""The networks that `attnctl bench` measures: modules, or the rows of a table, each beside the plain network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attnctl import models
from attnctl.cli.sweeping import dynamic_options
from attnctl.cli.sweeping.paper_options import PaperOptions
from attnctl.spec import NO_MODULE, RunSpec
from attnctl.values import SpecError, split_list
from attnctl.workspace.records import Speed

if TYPE_CHECKING:
    from attnctl.settings.config import Config


@dataclass(frozen=True, kw_only=True)
class Given:
    """The axes as typed; None if not given."""

    model: str | None
    backbone: str | None
    dataset: str | None
    placement: str | None
    input_size: int | None


def of_modules(
    modules: str, given: Given, parameters: Sequence[str], dynamic: dynamic_options.Dynamic
) -> list[RunSpec]:
    """The networks of modules, and the plain ones. Raises SpecError for an invalid combination."""
    from attnctl.cli.sweeping.axes import axes
    from attnctl.grid import expand

    names = NO_MODULE if modules == NO_MODULE else f"{NO_MODULE},{modules}"
    specs: list[RunSpec] = []
    for model_name in split_list(given.model, "--model") if given.model is not None else ("",):
        axis_values = {
            "model": [model_name],
            "backbone": [given.backbone] if given.backbone is not None else None,
            "dataset": [given.dataset if given.dataset is not None else _own_dataset(model_name)],
            "placement": [given.placement if given.placement is not None else "block"],
            "seed": ["0"],
        }
        if not model_name:
            del axis_values["model"]
        request = axes(names, given=axis_values, addressed=parameters, recipe=None, dynamic=dynamic, defaults={})
        if given.input_size is not None:
            request = replace(request, overrides={**request.overrides, "input_size": (str(given.input_size),)})
        expansion = expand(request)
        if expansion.invalid:
            raise SpecError(f"{expansion.invalid[0].label}: {expansion.invalid[0].reason}")
        specs += expansion.specs
    return specs


def of_table(
    config: Config, of_paper: PaperOptions, given: Given
) -> tuple[list[RunSpec], Mapping[tuple[object, ...], str]]:
    """The networks of a table's rows, and the rows by `network_key`. Raises SpecError."""
    from attnctl.cli.reporting import paper_tables
    from attnctl.papers.runs import Overrides, cells_of

    paper, table = paper_tables.find_table(of_paper.paper, of_paper.table or "", config.workspace)
    if not any(column.kind == "fps" for column in table.columns):
        raise SpecError(f"{paper.name} table {table.number} has no FPS column")
    for name in ("model", "backbone", "placement", "dataset"):
        if getattr(given, name) == "":
            raise SpecError(f"--{name} is empty; leave it out for the values of the table")
    overrides = Overrides(
        model=given.model or "",
        backbone=given.backbone or "",
        placement=given.placement or "",
        dataset=given.dataset or "",
        fields={"input_size": str(given.input_size)} if given.input_size is not None else {},
    )
    globs = split_list(of_paper.rows, "--rows") if of_paper.rows is not None else ()
    chosen: dict[tuple[object, ...], RunSpec] = {}
    names: dict[tuple[object, ...], str] = {}
    for item in cells_of(table, overrides, globs):
        for spec in item.specs[:1]:
            chosen.setdefault(network_key(spec), spec)
            names.setdefault(network_key(spec), item.row.name)
    if not chosen:
        raise SpecError(f"{paper.name} table {table.number} has no rows that can be measured")
    return list(chosen.values()), names


def network_key(network: RunSpec | Speed) -> tuple[object, ...]:
    """Equal for a run and the speed of its network on its data set."""
    settings = tuple(sorted(dict(network.hyperparameters).items()))
    placement = network.placement if network.module != NO_MODULE else ""
    return network.model, network.backbone, network.module, settings, placement, network.dataset


def groups_of(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """The networks that are measured in turn: those around the same backbone on the same input, the plain one first."""
    groups: dict[tuple[object, ...], dict[object, RunSpec]] = {}
    for spec in specs:
        key = spec.model, spec.backbone, spec.dataset, spec.recipe.input_size
        versions = replace(spec.versions, module="")
        plain = replace(spec, module=NO_MODULE, hyperparameters=(), placement="", versions=versions)
        group = groups.setdefault(key, {NO_MODULE: plain})
        if spec.module != NO_MODULE:
            group.setdefault((spec.module, spec.hyperparameters, spec.placement), spec)
        else:
            group[NO_MODULE] = spec
    return [list(group.values()) for group in groups.values()]


def _own_dataset(model: str) -> str:
    """The data set that a model's papers used first; raises SpecError for a model that there is not."""
    return next(iter(models.describe(model).recipes)) if model else "imagenet"
