"""Expanding a request into runs: the product of all axes, each cell resolved and checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attnctl import attention, backbones, components, datasets, models, own_data, recipe_parts, recipes, sources
from attnctl.backbones import places
from attnctl.recipes import fitting, parts
from attnctl.sources.combination import parts_of, values_of
from attnctl.sources.signature import ModuleSource
from attnctl.spec import DEFAULT, LOOP_VERSION, NO_MODULE, Recipe, RunSpec, Versions, recipe_fields, recipe_value
from attnctl.values import Scalar, SpecError, comma_join, convert, did_you_mean, format_value, nearest, rejoined

LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Axes:
    """A request as typed: each axis is a tuple of texts, and the grid is their product.

    hyperparameters: name -> values, for every module that has it
    addressed: (module, name) -> values, for that module alone; they override `hyperparameters`
    backbones: empty for the default of the model, or of the data set when there is no model
    models: the detector or segmenter around the backbone; empty for the backbone as a classifier
    overrides: recipe field, or option of a part such as `loss.gamma`, -> values
    """

    modules: tuple[str, ...]
    hyperparameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addressed: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    backbones: tuple[str, ...] = ()
    models: tuple[str, ...] = ("",)
    datasets: tuple[str, ...] = ("digits",)
    placements: tuple[str, ...] = ("block",)
    seeds: tuple[str, ...] = ("0",)
    recipe: str | None = None
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    init: str = ""
    """Initial weights of every run: see `RunSpec.init`."""


@dataclass(frozen=True)
class InvalidCell:
    """A cell of the grid that is not a valid run, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Expansion:
    """The runs of a request, each once, in the order of the axes; and the invalid cells."""

    specs: list[RunSpec]
    invalid: list[InvalidCell]


def expand(axes: Axes) -> Expansion:
    """The runs of a request. Raises SpecError for a name or value that is invalid in every cell."""
    axes = checked(axes)
    seeds = [_seed(value) for value in axes.seeds]
    specs: dict[str, RunSpec] = {}
    invalid: dict[InvalidCell, None] = {}
    for module in axes.modules:
        for values, model, dataset, overrides in itertools.product(
            _module_settings(axes, module), axes.models, axes.datasets, _recipe_settings(axes)
        ):
            for backbone in axes.backbones or (default_backbone(model, dataset),):
                for placement in axes.placements if module != NO_MODULE else ("",):
                    network = _Network(model, backbone, placement, dataset)
                    try:
                        cell = _cell(module, values, network, axes.recipe, overrides, axes.init)
                    except SpecError as error:
                        label = _label(module, values, network, overrides)
                        invalid[InvalidCell(label, str(error))] = None
                        continue
                    for spec in cell.with_seeds(seeds):
                        specs.setdefault(spec.id, spec)
    return Expansion(list(specs.values()), list(invalid))


def checked(axes: Axes) -> Axes:
    """The axes with canonical names and whole values. Raises SpecError for an unknown name, or an empty axis."""
    axes = _with_comma_values(replace(axes, datasets=tuple(datasets.canonical(name) for name in axes.datasets)))
    _check_names(axes)
    return axes


@dataclass(frozen=True)
class _Network:
    """The network of a cell around its module, and its data set, as typed."""

    model: str
    backbone: str
    placement: str
    dataset: str


def default_backbone(model: str, dataset: str) -> str:
    """The backbone of a cell that names none; empty when the model has no default."""
    return models.describe(model).backbones[0] if model else datasets.describe(dataset).default_backbone


def _cell(
    module: str,
    hyperparameters: Mapping[str, Scalar],
    network: _Network,
    recipe_name: str | None,
    overrides: Mapping[str, Scalar],
    init: str,
) -> RunSpec:
    """The run of one cell with seed 0; raises SpecError when the cell is invalid."""
    model, backbone, dataset = network.model, network.backbone, network.dataset
    described = datasets.describe(dataset)
    models.check_fit(model, backbone, dataset)
    if recipe_name is None and described.is_own:
        overrides = {**recipes.fitted(described), **overrides}
    recipe, code = recipes.resolve_with_code(recipe_name or recipes.default_for(dataset, backbone, model), overrides)
    _check_batch(recipe, described)
    fitting.check(recipe, model, described)
    fitting.check_drop_path(recipe, backbone)
    if not model:
        fitting.check_input(recipe, backbone, described)
    attended = _attended(module, hyperparameters, network) if module != NO_MODULE else _PLAIN
    return RunSpec(
        module=attended.module,
        hyperparameters=attended.hyperparameters,
        backbone=backbones.describe(backbone).name,
        placement=attended.placement,
        dataset=dataset,
        recipe=recipe,
        seed=0,
        versions=Versions(
            module=attended.version,
            backbone=backbones.describe(backbone).version,
            placement=attended.place_version,
            dataset=described.run_version,
            loop=LOOP_VERSION,
            model=models.describe(model).version if model else 0,
            recipe=code,
        ),
        init=init,
        model=model,
        data=own_data.DESCRIPTIONS[dataset] if described.is_own else "",
    )


@dataclass(frozen=True, kw_only=True)
class _Attended:
    """The modules of a cell as a spec has them."""

    module: str
    hyperparameters: tuple[tuple[str, Scalar], ...] = ()
    placement: str = ""
    version: str = "0"
    place_version: int = 0


_PLAIN = _Attended(module=NO_MODULE)


def _attended(module: str, hyperparameters: Mapping[str, Scalar], network: _Network) -> _Attended:
    """The modules that a text names, at their placements; raises SpecError when one of them does not fit."""
    source = attention.describe(module)
    values = source.resolve(hyperparameters)
    source.check(values)
    if network.model:
        source.check_any_size(values, network.model)
    parts = parts_of(source)
    positions = [
        _position(part, values_of(source, part, values), replace(network, placement=own or network.placement))
        for part, (_, own) in zip(parts, attention.split(module), strict=True)
    ]
    if len(parts) > 1:
        _check_separate(parts, positions, network)
    name, placement = components.join(
        [part.name for part in parts],
        [position.label if len(parts) == 1 else _shortest(position, network) for position in positions],
    )
    return _Attended(
        module=name,
        hyperparameters=tuple(sorted(source.without_neutral(values).items())),
        placement=placement,
        version=source.version,
        place_version=sum(position.version for position in positions[: 1 if placement else None]),
    )


def _position(source: ModuleSource, values: Mapping[str, Scalar], network: _Network) -> places.Placement:
    """The placement of one module; raises SpecError when the module does not fit there."""
    model, backbone, placement = network.model, network.backbone, network.placement
    position = models.placement(model, backbone, placement)
    norms = position.replaces_norms if models.is_own(model, placement) else backbones.takes_norms(backbone, placement)
    places.check_fit(source.name, source.replaces, position, norms, models.placements(model, backbone).values())
    for channels in sorted(set(models.channels(model, backbone, placement))):
        source.check(values, channels)
    return position


def _shortest(position: places.Placement, network: _Network) -> str:
    """The name of a placement, without the prefix of replacing ones where the name says it: norm2."""
    try:
        named = models.placement(network.model, network.backbone, position.name)
    except SpecError:
        return position.label
    return position.name if named.label == position.label else position.label


def _check_separate(parts: Sequence[ModuleSource], positions: Sequence[places.Placement], network: _Network) -> None:
    """Raise SpecError if two modules replace the same layer."""
    replacing = [
        (part.name, set(backbones.paths(network.backbone, position.label)))
        for part, position in zip(parts, positions, strict=True)
        if position.replaces and not models.is_own(network.model, position.label)
    ]
    for (first, some), (second, others) in itertools.combinations(replacing, 2):
        if some & others:
            raise SpecError(f"{first} and {second} both replace {min(some & others)}")


def effective_hyperparameters(spec: RunSpec) -> list[str]:
    """The hyperparameters that act with another value at some widths, as text: `num_groups=16 is 8 at 24 channels`.

    Only for registered modules and backbones; a spec does not lead back to a user's file.
    """
    if sources.is_own(str(spec.versions.backbone)):
        return []
    return [text for part in spec.components if part.module in attention.names() for text in _effective(part)]


def _effective(spec: RunSpec) -> list[str]:
    """`effective_hyperparameters` of a spec with one registered module."""
    source = attention.describe(spec.module)
    values = {**source.neutral, **dict(spec.hyperparameters)}
    differing: dict[str, list[int]] = {}
    for channels in sorted(set(models.channels(spec.model, spec.backbone, spec.placement))):
        for name, value in source.effective_hyperparameters(values, channels).items():
            differing.setdefault(f"{name}={format_value(values[name])} is {format_value(value)}", []).append(channels)
    return [f"{source.name} {change} at {comma_join(places)} channels" for change, places in differing.items()]


def warn_frozen_untrained_norms(spec: RunSpec) -> str:
    """A warning when a detector's norms are frozen at their initial values, for lack of weights; else empty."""
    if not spec.model or spec.init:
        return ""
    norms = spec.recipe.norms if spec.recipe.norms != DEFAULT else models.describe(spec.model).norms
    if norms != "frozen":
        return ""
    return (
        f"the norms of {spec.network} are frozen, and without weights of a classifier they do nothing: "
        f"--init RUN|FILE gives some, --norms batch trains them"
    )


def _check_batch(recipe: Recipe, dataset: datasets.Dataset) -> None:
    held = int(dataset.train_size * (1 - recipe.val_split))
    if recipe.batch > held:
        raise SpecError(f"batch {recipe.batch} is larger than the {held} training images of {dataset.name}")


def _with_comma_values(axes: Axes) -> Axes:
    """The axes, with hyperparameter values that contain a comma (such as sn's norms=in,ln) joined again."""
    declared = {
        (owner, item.name): item.declared
        for module in axes.modules
        for owner, part in _parts(module)
        for item in part.hyperparameters
    }
    shared = dict(axes.hyperparameters)
    for (_, name), kind in declared.items():
        if name in shared:
            shared[name] = rejoined(shared[name], kind)
    own = {key: rejoined(values, declared.get(key, str)) for key, values in axes.addressed.items()}
    return replace(axes, hyperparameters=shared, addressed=own)


def _parts(module: str) -> list[tuple[str, ModuleSource]]:
    """Each module of a text, with its name as typed; none for the plain backbone."""
    return [] if module == NO_MODULE else [(name, attention.describe(name)) for name, _ in attention.split(module)]


def _module_settings(axes: Axes, module: str) -> list[dict[str, Scalar]]:
    """The product of the hyperparameters of a text's modules, converted to their types."""
    parts = _parts(module)
    settings: dict[str, list[Scalar]] = {}
    for owner, part in parts:
        declared = {item.name: item.declared for item in part.hyperparameters}
        chosen = {name: values for name, values in axes.hyperparameters.items() if name in declared}
        chosen.update({name: values for (named, name), values in axes.addressed.items() if named in (owner, part.name)})
        prefix = f"{part.name}." if len(parts) > 1 else ""
        settings |= {
            prefix + name: [convert(value, declared[name], f"{owner} {name}") for value in values]
            for name, values in chosen.items()
        }
    return list(_products(settings))


def _typed_overrides(axes: Axes) -> dict[str, list[Scalar]]:
    for name in axes.overrides:
        if name not in recipe_fields() and not recipe_parts.is_option(name):
            raise SpecError(f"unknown recipe field {name!r}{did_you_mean(name, recipe_fields())}")
    return {
        name: [value if recipe_parts.is_option(name) else recipe_value(name, value) for value in values]
        for name, values in axes.overrides.items()
    }


def _recipe_settings(axes: Axes) -> list[dict[str, Scalar]]:
    """The product of the recipe's overrides. Of several parts on an axis, each gets the options that it has."""
    settings: dict[str, dict[str, Scalar]] = {}
    for chosen in _products(_typed_overrides(axes)):
        fitting = {
            name: value
            for name, value in chosen.items()
            if not recipe_parts.is_option(name) or _has(axes, chosen, name)
        }
        settings.setdefault(repr(fitting), fitting)
    return list(settings.values())


def _has(axes: Axes, chosen: Mapping[str, Scalar], name: str) -> bool:
    """Whether a chosen part has an option. True where no other part could be meant, so that a wrong one is an error."""
    kind, _, option = name.partition(".")
    having = [
        value
        for value in axes.overrides.get(kind, ())
        if any(item.name == option for part in parts.described(kind, value) for item in part.options)
    ]
    return not having or str(chosen[kind]) in having


def _products(axes: Mapping[str, Sequence[Scalar]]) -> Iterator[dict[str, Scalar]]:
    """All combinations of one value per name."""
    for choice in itertools.product(*axes.values()):
        yield dict(zip(axes, choice, strict=True))


def _check_names(axes: Axes) -> None:
    """Raise SpecError for an unknown name, an empty axis, or a value given twice."""
    parts = {name: part for module in axes.modules for owner, part in _parts(module) for name in (owner, part.name)}
    for module in axes.modules:
        if module != NO_MODULE:
            attention.describe(module)
    owned = {item.name for part in parts.values() for item in part.hyperparameters}
    for name in axes.hyperparameters:
        if name not in owned:
            modules = ", ".join(axes.modules)
            raise SpecError(f"no module of {modules} has a hyperparameter {name!r}{did_you_mean(name, owned)}")
    for module, name in axes.addressed:
        if module not in parts and module not in axes.modules:
            raise SpecError(f"-p {module}.{name}: module {module!r} is not in this sweep of {', '.join(axes.modules)}")
        names = [item.name for item in parts[module].hyperparameters] if module in parts else []
        if name not in names:
            raise SpecError(f"-p {module}.{name}: {module} has no hyperparameter {name!r}{did_you_mean(name, names)}")
    for dataset in axes.datasets:
        datasets.describe(dataset)
    for backbone in axes.backbones:
        backbones.describe(backbone)
    for model in axes.models:
        models.task(model)
    if axes.recipe is not None:
        recipes.load(axes.recipe)
    places_known = backbones.placement_names()
    for placement in axes.placements:
        for part in [] if placement.removeprefix(places.REPLACE) in places_known else places.split(placement):
            short = part.removeprefix(places.REPLACE)
            is_name = short in places_known or places.is_pattern(short)
            if not is_name and nearest(short, places_known):  # any other word may be a part, such as layer1
                raise SpecError(f"unknown placement {short!r}{did_you_mean(short, places_known)}")
    lists = {"module": axes.modules, "model": axes.models, "backbone": axes.backbones, "dataset": axes.datasets}
    lists |= {"seed": axes.seeds, "placement": axes.placements, **axes.hyperparameters, **axes.overrides}
    lists |= {f"{module}.{name}": values for (module, name), values in axes.addressed.items()}
    for name, values in lists.items():
        twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
        if twice is not None:
            raise SpecError(f"{name} has {twice} twice")
        if not values and name != "backbone":
            raise SpecError(f"{name} has no value")


def _seed(value: str) -> int:
    seed = convert(value, int, "seed")
    if not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise SpecError(f"seed is {format_value(seed)}; it must be a whole number from 0 to {LARGEST_SEED}")
    return seed


def _label(
    module: str,
    values: Mapping[str, Scalar],
    network: _Network,
    overrides: Mapping[str, Scalar],
) -> str:
    settings = [f"{name}={format_value(value)}" for name, value in {**values, **overrides}.items()]
    parts = (network.model, network.backbone, network.dataset, network.placement)
    return " ".join(part for part in (module, *settings, *parts) if part)
