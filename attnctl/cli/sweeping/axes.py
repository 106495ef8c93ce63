"""From the words of a `sweep` command, and the defaults of attnctl.toml, to the axes of its grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attnctl.cli.sweeping.dynamic_options import Dynamic, option_name
from attnctl.grid import Axes
from attnctl.spec import recipe_fields
from attnctl.values import Scalar, SpecError, format_value, split_list, split_seeds

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
    return Axes(
        modules=split_list(modules, "MODULE"),
        hyperparameters={name: split_list(value, option_name(name)) for name, value in dynamic.hyperparameters.items()},
        addressed=addresses(addressed),
        backbones=chosen.get("backbone", ()),
        models=chosen.get("model", ("",)),
        datasets=chosen.get("dataset", ("digits",)),
        placements=chosen.get("placement", ("block",)),
        seeds=chosen.get("seed", ("0",)),
        recipe=recipe if recipe is not None else standing.get("recipe"),
        overrides={name: split_list(value, option_name(name)) for name, value in overrides.items()},
    )


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
