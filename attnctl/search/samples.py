"""The samples of a search: each network, with each of its modules, gets as many as any other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl import attention, recipe_parts
from attnctl.grid import Axes, Expansion, InvalidCell, checked, default_backbone, expand
from attnctl.search import points, ranges
from attnctl.search.ranges import Choice, Range
from attnctl.spec import NO_MODULE, RunSpec, recipe_types
from attnctl.values import SpecError, comma_join, format_value
from attnctl.workspace.records import Search

MOST_SAMPLES = 10_000

_MOST_DRAWS = 1000
"""A sample that the module cannot have, such as an even kernel of ELA, is drawn again so many times."""

_OWN_DRAWS = 50
"""So many of them draw only the hyperparameters again."""


@dataclass(frozen=True)
class Dimension:
    """What a search varies. name: `lr`, `loss.gamma`, `kernel` or `ela.kernel`; owner: the module named in the last."""

    name: str
    values: Range | Choice
    hyperparameter: str = ""
    owner: str = ""

    @property
    def shared(self) -> bool:
        """Whether every module has it: a field of the recipe."""
        return not self.hyperparameter


@dataclass
class Cell:
    """One network with one of the compared modules, whose samples are drawn.

    specs: by sample, the runs of each seed. invalid: why it has none. tried: values that were drawn already
    """

    axes: Axes
    dimensions: Sequence[Dimension]
    specs: list[list[RunSpec]] = field(default_factory=list)
    invalid: list[InvalidCell] = field(default_factory=list)
    tried: set[tuple[str, ...]] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    @property
    def module(self) -> str:
        """The module or modules, as typed."""
        return self.axes.modules[0]

    def wanted(self, samples: int) -> int:
        """How many samples it is to have: one where the search varies nothing of it."""
        return samples if self.dimensions else 1

    def add(self, values: Mapping[str, str]) -> InvalidCell | None:
        """Take these values as the next sample, or say why they cannot be one."""
        expansion = expand(with_values(self.axes, self.dimensions, values))
        if expansion.invalid:
            return expansion.invalid[0]
        if any(spec.id in self.ids for spec in expansion.specs):
            return InvalidCell(self.module, "two samples are equal")
        self.ids |= {spec.id for spec in expansion.specs}
        self.specs.append(expansion.specs)
        return None


def search_of(axes: Axes, method: str, samples: int, seed: int, halving: int = 0) -> Search:
    """What a sweep records of its search. Raises SpecError when nothing is searched."""
    if not 0 < samples <= MOST_SAMPLES:
        raise SpecError(f"--samples is {samples}; it must be from 1 to {MOST_SAMPLES}")
    found = {item.name: str(item.values) for item in dimensions_of(checked(axes))}
    if not found:
        raise SpecError(
            "--samples needs a range, such as --lr log:1e-3..1e-1, or a comma list of values to choose from"
        )
    return Search(method=method, samples=samples, seed=seed, ranges=found, halving=halving)


def check_no_ranges(axes: Axes, option: str) -> None:
    """Raise SpecError if an axis is a range, for a command that takes lists only."""
    for name, values in _axes_of(axes).items():
        for value in filter(ranges.is_range, values):
            raise SpecError(f"{name} is the range {value}; {option}")


def samples(axes: Axes, search: Search) -> Expansion:
    """The runs of all samples. Raises SpecError if a module has too few different ones."""
    cells = list(cells_of(axes))
    for cell in cells:
        for sample in range(cell.wanted(search.samples)):
            if not draw(cell, search, sample):
                break
    return expansion_of(cells)


def expansion_of(cells: Sequence[Cell]) -> Expansion:
    """The runs sample by sample, so that whatever is cut off has as many of each module."""
    rounds = itertools.zip_longest(*(cell.specs for cell in cells), fillvalue=())
    specs = {spec.id: spec for found in rounds for runs in found for spec in runs}
    return Expansion(list(specs.values()), [reason for cell in cells for reason in cell.invalid])


def cells_of(axes: Axes) -> Iterator[Cell]:
    """What gets samples of its own: each module in each network, on each data set and at each placement."""
    axes = checked(axes)
    dimensions = dimensions_of(axes)
    for module, model, dataset in itertools.product(axes.modules, axes.models, axes.datasets):
        for backbone in axes.backbones or (default_backbone(model, dataset),):
            for placement in axes.placements if module != NO_MODULE else axes.placements[:1]:
                one = replace(
                    _of_module(axes, module),
                    models=(model,),
                    datasets=(dataset,),
                    backbones=(backbone,),
                    placements=(placement,),
                )
                yield Cell(one, [item for item in dimensions if item.shared or _has(one, item)])


def dimensions_of(axes: Axes) -> list[Dimension]:
    """What the axes leave open, the recipe's fields first. Raises SpecError for a range that cannot be."""
    found = [
        Dimension(name, _values(name, values, None if recipe_parts.is_option(name) else recipe_types().get(name)))
        for name, values in axes.overrides.items()
        if _is_open(values)
    ]
    for name, values in axes.hyperparameters.items():
        if _is_open(values):
            found.append(Dimension(name, _values(name, values, _declared(axes, "", name)), name))
    for (owner, name), values in axes.addressed.items():
        if _is_open(values):
            text = f"{_canonical(owner)}.{name}"
            found.append(Dimension(text, _values(text, values, _declared(axes, owner, name)), name, owner))
    return found


def with_values(axes: Axes, dimensions: Sequence[Dimension], values: Mapping[str, str]) -> Axes:
    """The axes with one value for each dimension."""
    overrides, shared, addressed = dict(axes.overrides), dict(axes.hyperparameters), dict(axes.addressed)
    for item in dimensions:
        one = (values[item.name],)
        if item.shared:
            overrides[item.name] = one
        elif item.owner:
            addressed[item.owner, item.hyperparameter] = one
        else:
            shared[item.hyperparameter] = one
    return replace(axes, overrides=overrides, hyperparameters=shared, addressed=addressed)


def draw(cell: Cell, search: Search, sample: int) -> bool:
    """Draw a sample; False if the module fits with no values at all. Raises SpecError if there are no more samples.

    What all modules share has the same values for each of them. What a module cannot have is drawn again: at first only
    what is the module's own, then all of it.
    """
    names = [item.name for item in cell.dimensions]
    own = any(not item.shared for item in cell.dimensions)
    method: points.Method = "sobol" if search.method == "sobol" else "random"
    reason: InvalidCell | None = None
    for draw in range(_MOST_DRAWS if names else 1):
        whole = draw // _OWN_DRAWS if own else draw
        values = {
            item.name: _text(
                item.values.at(
                    points.position(method, search.seed, names, item.name, sample, whole if item.shared else draw)
                )
            )
            for item in cell.dimensions
        }
        if tuple(values.values()) in cell.tried:
            continue
        cell.tried.add(tuple(values.values()))
        found = cell.add(values)
        if found is None:
            return True
        reason = reason or found
    if not cell.specs and reason is not None:
        cell.invalid.append(reason)
        return False
    raise SpecError(
        f"{cell.module} has only {len(cell.specs)} different samples of {comma_join(names)}; "
        f"--samples {search.samples} needs wider ranges"
        + (f" (other values are invalid: {reason.reason})" if reason is not None else "")
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else format_value(value)  # type: ignore[arg-type]


def _is_open(values: Sequence[str]) -> bool:
    return len(values) > 1 or any(map(ranges.is_range, values))


def _values(name: str, values: Sequence[str], declared: object) -> Range | Choice:
    """The range or the choice that was typed. declared: the type of the values, if it is known."""
    option = f"-p {name}" if "." in name else f"--{name.replace('_', '-')}"
    if not any(map(ranges.is_range, values)):
        return Choice(tuple(values))
    if len(values) > 1:
        raise SpecError(f"{option} has a range beside other values; write one range, or a comma list of values")
    found = ranges.read(values[0], option)
    if declared is not None:
        ranges.check_type(found, declared, option)
    return found


def _declared(axes: Axes, owner: str, name: str) -> object:
    """The type of a hyperparameter, of the first module that has it."""
    for typed in axes.modules:
        for part in _parts(typed):
            source = attention.describe(part)
            if owner in {"", part, source.name, typed}:
                for item in source.hyperparameters:
                    if item.name == name:
                        return item.declared
    return None


def _canonical(owner: str) -> str:
    """The name of a module in a spec: `mine:Gate` of ./mine.py:Gate."""
    return attention.describe(owner).name


def _parts(module: str) -> list[str]:
    """The modules of a text, as typed; none for the plain backbone."""
    return [] if module == NO_MODULE else [name for name, _ in attention.split(module)]


def _of_module(axes: Axes, module: str) -> Axes:
    """The axes of one module, without the hyperparameters of the others."""
    one = replace(axes, modules=(module,))
    owners = {module, *(name for part in _parts(module) for name in (part, attention.describe(part).name))}
    return replace(
        one,
        hyperparameters={
            name: values for name, values in axes.hyperparameters.items() if _declared(one, "", name) is not None
        },
        addressed={key: values for key, values in axes.addressed.items() if key[0] in owners},
    )


def _has(axes: Axes, item: Dimension) -> bool:
    """Whether a dimension is one of these axes of one module: what is addressed to a module counts there."""
    if item.owner:
        return (item.owner, item.hyperparameter) in axes.addressed
    addressed = {owner for owner, name in axes.addressed if name == item.hyperparameter}
    return any(
        part not in addressed and _canonical(part) not in addressed and item.hyperparameter in _names(part)
        for part in _parts(axes.modules[0])
    )


def _names(part: str) -> set[str]:
    return {item.name for item in attention.describe(part).hyperparameters}


def _axes_of(axes: Axes) -> dict[str, tuple[str, ...]]:
    """The axes that may be ranges, by the option that gives them."""
    return {
        **{
            f"--{name.replace('_', '-')}": values for name, values in {**axes.overrides, **axes.hyperparameters}.items()
        },
        **{f"-p {owner}.{name}": values for (owner, name), values in axes.addressed.items()},
    }
