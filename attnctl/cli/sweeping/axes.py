"""From the words of a `sweep` command, and the defaults of attnctl.toml, to the axes of its grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attnctl import attention
from attnctl.cli.sweeping.dynamic_options import Dynamic, listed_modules, option_name
from attnctl.grid import Axes
from attnctl.recipe_parts import KINDS
from attnctl.spec import NO_MODULE, recipe_fields
from attnctl.values import Scalar, SpecError, comma_join, format_value, split_list, split_seeds

_ADDRESS = re.compile(r"(?P<module>[^=]+)\.(?P<name>[^.=]+)=(?P<values>.*)", re.DOTALL)


def axes(
    modules: str,
    *,
    given: Mapping[str, Sequence[str] | None],
    addressed: Sequence[str],
    recipe: str | None,
    dynamic: Dynamic,
    defaults: Mapping[str, Scalar],
) -> Axes:
    """The axes. given: --model, --backbone, --dataset, --placement, --seed as typed; raises SpecError."""
    typed = {name: ",".join(values) for name, values in given.items() if values is not None}
    standing = {name: format_value(value) for name, value in defaults.items()}
    chosen = {
        name: split_seeds(value) if name == "seed" else split_list(value, f"--{name}")
        for name, value in ({k: v for k, v in standing.items() if k in given} | typed).items()
    }
    overrides = {name: value for name, value in standing.items() if name in recipe_fields()} | dict(dynamic.recipe)
    of_modules, of_recipe = _separated(addresses(addressed))
    return Axes(
        modules=listed_modules(modules),
        hyperparameters={name: split_list(value, option_name(name)) for name, value in dynamic.hyperparameters.items()},
        addressed=of_modules,
        backbones=chosen.get("backbone", ()),
        models=chosen.get("model", ("",)),
        datasets=chosen.get("dataset", ("digits",)),
        placements=chosen.get("placement", ("block",)),
        seeds=chosen.get("seed", ("0",)),
        recipe=recipe if recipe is not None else standing.get("recipe"),
        overrides={name: split_list(value, option_name(name)) for name, value in overrides.items()} | of_recipe,
    )


def shared_hyperparameters(request: Axes) -> list[str]:
    """A note for each hyperparameter, typed without a module's name, that applies to several modules of the grid."""
    owners: dict[str, list[str]] = {}
    for text in request.modules:
        for name, _ in attention.split(text) if text != NO_MODULE else ():
            for item in attention.describe(name).hyperparameters:
                if item.name in request.hyperparameters and (name, item.name) not in request.addressed:
                    owners.setdefault(item.name, []).append(name)
    return [
        f"{option_name(name)} applies to {comma_join(dict.fromkeys(modules))}; "
        f"-p {modules[0]}.{name}={','.join(request.hyperparameters[name])} sets it for {modules[0]} alone"
        for name, modules in owners.items()
        if len(set(modules)) > 1
    ]


def _separated(
    addressed: Mapping[tuple[str, str], tuple[str, ...]],
) -> tuple[dict[tuple[str, str], tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Hyperparameters of modules, and options of the recipe's parts by names such as `loss.gamma`."""
    of_recipe = {f"{owner}.{name}": values for (owner, name), values in addressed.items() if owner in KINDS}
    return {key: values for key, values in addressed.items() if key[0] not in KINDS}, of_recipe


def addresses(given: Sequence[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """`ela.kernel=5,7` as (ela, kernel) -> (5, 7); raises SpecError."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in given:
        match = _ADDRESS.fullmatch(item)
        if match is None:
            raise SpecError(f"-p {item!r} must be module.hyperparameter=values, such as ela.kernel=5,7")
        key = (match["module"].strip(), match["name"].strip().replace("-", "_"))
        if key in found:
            raise SpecError(f"-p {key[0]}.{key[1]} is given twice; write its values as one comma list")
        found[key] = split_list(match["values"], f"-p {key[0]}.{key[1]}")
    return found
