"""What a run of a search has of the values that the search varies."""

from __future__ import annotations

from collections.abc import Iterable

from attnctl import components, recipe_parts
from attnctl.spec import RunSpec, recipe_fields
from attnctl.values import Scalar


def values_of(spec: RunSpec, names: Iterable[str]) -> dict[str, Scalar]:
    """The values by their names, such as `lr` or `ela.kernel`; without those that its modules do not have."""
    options = {**_defaults(spec), **recipe_parts.read(spec.recipe.part_options)}
    found: dict[str, Scalar] = {}
    for name in names:
        if name in recipe_fields():
            found[name] = getattr(spec.recipe, name)
        elif recipe_parts.is_option(name):
            found |= {name: options[name]} if name in options else {}
        else:
            own = [value for key, value in spec.hyperparameters if _is_of(spec, key, name)]
            found |= {name: own[0]} if own else {}
    return found


def _defaults(spec: RunSpec) -> dict[str, Scalar]:
    """The options of the recipe's built-in parts at their defaults, which a spec leaves out."""
    return {
        f"{kind}.{option.name}": option.default
        for kind, known in recipe_parts.BUILT_IN.items()
        for option in known.get(str(getattr(spec.recipe, kind)), ())
    }


def is_shared(name: str) -> bool:
    """Whether all modules have what a search varies: a field of the recipe, or an option of its parts."""
    return name in recipe_fields() or recipe_parts.is_option(name)


def _is_of(spec: RunSpec, key: str, name: str) -> bool:
    """Whether a hyperparameter of a spec is the one that a search names. key: `kernel`, or `ela.kernel` of several."""
    owner, _, own = name.rpartition(".")
    modules = [module for module, _ in components.split(spec.module, spec.placement)]
    holder, _, hyperparameter = key.rpartition(".")
    return hyperparameter == own and (owner in {"", holder} or (not holder and modules == [owner]))
