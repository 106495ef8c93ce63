"""The parts of a recipe: described when a sweep is planned, and created where it is trained.

Planning reads users' files without running them; only `create` imports them, and torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from attnctl import recipe_parts, sources
from attnctl.metrics import BY_KEY
from attnctl.recipe_parts import BUILT_IN, DEFAULT, EXAMPLES, KINDS, NONE, Option
from attnctl.recipes import timm_parts
from attnctl.sources import Reference, Source, plugins
from attnctl.sources.callables import Form, read_callable
from attnctl.spec import Recipe
from attnctl.values import Scalar, SpecError, comma_join, did_you_mean

FORMS: Mapping[str, Form] = {
    "optimizer": Form(("params",), None, ("lr", "momentum", "weight_decay", "nesterov")),
    "schedule": Form(None, ("step", "steps")),
    "loss": Form((), ("logits", "targets"), ("label_smoothing",)),
    "augment": Form((), ("image",)),
    "metrics": Form((), ("logits", "targets")),
}
"""Kind -> what a class or function of a user's file must take first."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a recipe. name: as in a run's spec; version: empty for one of attnctl's own.

    passed: the recipe's fields that its constructor takes by name. is_class: it is created, else called.
    """

    kind: str
    name: str
    options: tuple[Option, ...]
    version: str = ""
    import_name: str = ""
    attribute: str = ""
    is_class: bool = False
    passed: tuple[str, ...] = ()


def described(kind: str, text: str) -> tuple[Part, ...]:
    """The parts that a recipe's field names, as typed: one, or several metrics. Raises SpecError."""
    parts = tuple(_part(kind, name) for name in _names(kind, text))
    twice = next((part.name for index, part in enumerate(parts) if part.name in [p.name for p in parts[:index]]), None)
    if twice is not None:
        raise SpecError(f"{kind} has {twice} twice")
    if kind == "metrics":
        _check_columns(parts)
    return parts


def _names(kind: str, text: str) -> list[str]:
    return text.split("+") if kind == "metrics" else [text]


def _check_columns(metrics: Sequence[Part]) -> None:
    """Raise SpecError if the name of a metric's column is taken, or two have the same."""
    names = [part.attribute for part in metrics if part.attribute]
    for index, name in enumerate(names):
        if name in BY_KEY or name in _TAKEN:
            raise SpecError(f"metrics: {name} is the name of a result of attnctl's own; rename the function")
        if name in names[:index]:
            raise SpecError(f"metrics: two are called {name}; rename one of the functions")


_TAKEN = ("lr", "top1", "params", "macs", "fps", "seeds")
"""Names of other results and columns."""


def of_run(recipe: Recipe, code: str, kind: str) -> tuple[Part, ...]:
    """The parts of a kind of a run's recipe; raises SpecError when a user's file is not known to this process.

    code: the run's `Versions.recipe`; see `sources.remember`.
    """
    names = _names(kind, str(getattr(recipe, kind)))
    versions = recipe_parts.read_code(code).get(kind, ("",) * len(names))
    parts = []
    for name, version in zip(names, versions, strict=True):
        if not version:
            parts.append(_part(kind, name))
            continue
        source = plugins.stored_source(name, version, None)
        parts.append(_own(kind, source, Reference(name, source.path, name.partition(":")[2])))
    return tuple(parts)


def resolve(
    values: Mapping[str, Scalar], own: Mapping[str, Scalar], overrides: Mapping[str, Scalar]
) -> tuple[dict[str, Scalar], str]:
    """A recipe's values with its parts as in a run's spec, and the versions of the users' files. Raises SpecError.

    values: of all fields. own: those of the recipe; its options do not apply to a part that replaces its own.
    overrides: of fields, and of options by names such as `loss.gamma`.
    """
    plain = {name: value for name, value in values.items() if not recipe_parts.is_option(name)}
    options = dict(recipe_parts.read(recipe_parts.merged(own, overrides)))
    given = {**options, **{name: value for name, value in overrides.items() if recipe_parts.is_option(name)}}
    chosen: dict[str, Scalar] = {}
    versions: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        if kind not in plain and not any(name.startswith(f"{kind}.") for name in given):
            continue
        kinds = described(kind, str(plain.get(kind, _NEUTRAL.get(kind, ""))))
        plain[kind] = "+".join(part.name for part in kinds)
        versions[kind] = tuple(part.version for part in kinds)
        chosen |= _options(kind, kinds, given)
        if str(plain[kind]).startswith(timm_parts.PREFIX):
            timm_parts.check_values(kind, chosen)
        _check_smoothing(kinds, plain)
    if "optimizer.betas" in chosen and not any(versions["optimizer"]):
        chosen, plain["momentum"] = _with_beta1(chosen, plain, overrides)
    plain["part_options"] = recipe_parts.written(chosen)
    return plain, recipe_parts.written_code(versions)


def _check_smoothing(kinds: tuple[Part, ...], values: Mapping[str, Scalar]) -> None:
    """Raise SpecError if a user's loss would ignore the recipe's label smoothing."""
    smoothing = values.get("label_smoothing", 0)
    for part in kinds:
        if part.kind == "loss" and part.version and "label_smoothing" not in part.passed and float(str(smoothing)):
            raise SpecError(
                f"label_smoothing={smoothing} would have no effect: {part.name} has no parameter label_smoothing; "
                "add one, or use --label-smoothing 0"
            )


_NEUTRAL = {"loss": DEFAULT, "metrics": NONE}


def _options(kind: str, parts: tuple[Part, ...], given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """All options of users' parts, and those of others that are not at their defaults.

    Raises SpecError for an option that no part has.
    """
    known = {option.name: option for part in parts for option in part.options}
    chosen = {f"{kind}.{item.name}": item.default for part in parts if part.version for item in part.options}
    for name, value in given.items():
        owner, _, option = name.partition(".")
        if owner != kind:
            continue
        if option not in known:
            named = comma_join(part.name for part in parts)
            hint = did_you_mean(option, known) if known else "; it has none"
            raise SpecError(f"{name}: {kind} {named} has no option {option!r}{hint}")
        converted = known[option].convert(value, name)
        if name in chosen or converted != known[option].convert(known[option].default, name):
            chosen[name] = converted
    return chosen


def _with_beta1(
    options: dict[str, Scalar], values: Mapping[str, Scalar], overridden: Mapping[str, Scalar]
) -> tuple[dict[str, Scalar], Scalar]:
    """The options with the first of betas as the recipe's momentum, so that each optimizer has one description."""
    first, *others = recipe_parts.numbers_of(str(options["optimizer.betas"]))
    momentum = overridden.get("momentum")
    if momentum is not None and float(str(momentum)) != first:
        raise SpecError(f"optimizer.betas={options['optimizer.betas']} means momentum={first:g}; give only one of them")
    betas = recipe_parts.joined((first, *others))
    default = next(item for item in BUILT_IN["optimizer"][str(values["optimizer"])] if item.name == "betas").default
    rest = {name: value for name, value in options.items() if name != "optimizer.betas"}
    if others == list(recipe_parts.numbers_of(str(default))[1:]):
        return rest, first
    return {**rest, "optimizer.betas": betas}, first


def _part(kind: str, text: str) -> Part:
    if text in BUILT_IN[kind]:
        return Part(kind=kind, name=text, options=BUILT_IN[kind][text])
    if text.startswith(timm_parts.PREFIX):
        return Part(kind=kind, name=text, options=timm_parts.options(kind, text))
    if not recipe_parts.is_file(text):
        recipe_parts.check_name(kind, text)
        raise SpecError(f"{kind} {text!r} is in a user's file; name the file, such as {EXAMPLES[kind]}")
    reference = sources.parse(text, kind, EXAMPLES[kind])
    source = sources.read(reference.file)
    declared = read_callable(source.files[source.entry], reference.file, reference.attribute, FORMS[kind])
    return _own(kind, sources.narrowed(source, declared.name), reference)


def _own(kind: str, source: Source, reference: Reference) -> Part:
    declared = read_callable(source.files[source.entry], reference.file, reference.attribute, FORMS[kind])
    return Part(
        kind=kind,
        name=f"{source.stem}:{declared.name}",
        version=source.version,
        import_name=sources.import_name(source),
        attribute=declared.name,
        is_class=declared.is_class,
        options=declared.options,
        passed=declared.passed,
    )


def arguments(part: Part, recipe: Recipe) -> dict[str, Any]:
    """The options of a part with which a recipe has it, as its constructor or function takes them."""
    given = recipe_parts.read(recipe.part_options)
    values = {option: given.get(f"{part.kind}.{option.name}", option.default) for option in part.options}
    passed = {name: getattr(recipe, name) for name in part.passed}
    return passed | {
        option.name: option.argument(option.convert(value, option.name)) for option, value in values.items()
    }


def imported(part: Part) -> Any:
    """The class or function of a user's part; runs the user's file."""
    return getattr(import_module(part.import_name), part.attribute)
