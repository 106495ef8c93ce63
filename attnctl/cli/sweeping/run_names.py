"""Short names of the runs of one request: values that all of them share are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attnctl.recipe_parts import setting_text
from attnctl.spec import RunSpec
from attnctl.values import Scalar

_PLACES = ("model", "backbone", "placement", "dataset")


def short_names(specs: Sequence[RunSpec]) -> dict[str, str]:
    """Run id to a name such as `ela kernel=5 seed 1`, for runs that differ in the kernel and the seed.

    Recipe fields are named only where runs of the same network and data set differ in them.
    """
    modules = {spec.module for spec in specs}
    hyperparameters = {
        module: _varying(dict(spec.hyperparameters) for spec in specs if spec.module == module) for module in modules
    }
    trained = {_training(spec) for spec in specs}
    fields = {key: _varying(vars(spec.recipe) for spec in specs if _training(spec) == key) for key in trained}
    # the plain backbone has no placement, which is no difference worth telling
    places = _varying(
        {name: getattr(spec, name) for name in (*_PLACES, "seed") if getattr(spec, name) != ""} for spec in specs
    )
    return {
        spec.id: " ".join(
            [
                spec.module,
                *_settings(dict(spec.hyperparameters), hyperparameters[spec.module]),
                *(str(getattr(spec, name)) for name in _PLACES if name in places and getattr(spec, name)),
                *_settings(vars(spec.recipe), fields[_training(spec)]),
                *([f"seed {spec.seed}"] if "seed" in places else []),
            ]
        )
        for spec in specs
    }


def _training(spec: RunSpec) -> tuple[str, ...]:
    return spec.model, spec.backbone, spec.dataset


def _varying(rows: Iterable[Mapping[str, Scalar]]) -> set[str]:
    """The names that have more than one value."""
    seen: dict[str, set[Scalar]] = {}
    for row in rows:
        for name, value in row.items():
            seen.setdefault(name, set()).add(value)
    return {name for name, values in seen.items() if len(values) > 1}


def _settings(values: Mapping[str, Scalar], shown: set[str]) -> list[str]:
    return [setting_text(name, value) for name, value in values.items() if name in shown]
