"""Checking users' modules, backbones and parts of recipes by running them once, on two images, in a separate process.

The planner itself does not import torch; passed checks are cached in the user's cache folder by the source's hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

from attnctl import datasets, sources, user_cache
from attnctl.sources import isolated, plugins
from attnctl.spec import RunSpec

_KIND = "probes"

_FIRST, _EACH = 120.0, 20.0
"""Time limits in seconds for importing torch and for one network."""


def check(specs: Sequence[RunSpec]) -> Mapping[str, str]:
    """Run id -> error message, for runs whose code from a user or a package does not work."""
    foreign = {versions for versions, spec in {spec.versions: spec for spec in specs}.items() if _foreign(spec)}
    keys = {spec.id: _key(spec) for spec in specs if spec.versions in foreign}
    representatives = {key: spec for spec in reversed(specs) if (key := keys.get(spec.id)) is not None}
    unknown = {key: spec for key, spec in representatives.items() if user_cache.read(_KIND, key) is None}
    problems = _run(unknown) if unknown else {}
    for key in unknown:
        if key not in problems:
            user_cache.write(_KIND, key, {})
    return {run: problems[key] for run, key in keys.items() if key in problems}


def _foreign(spec: RunSpec) -> bool:
    """Whether the network or its recipe uses code of a user or a package."""
    return any(
        sources.is_own(item) or str(item).startswith(plugins.PACKAGE_PREFIX) for item in spec.network_code_versions
    )


def _key(spec: RunSpec) -> str:
    """The cache key of a check: the network, the size of its input, and torch's version."""
    document = spec.to_json()
    parts = [document[name] for name in ("module", "hyperparameters", "backbone", "placement", "versions")]
    parts += [spec.model] if spec.model else []
    parts += [document["recipe"]] if spec.versions.recipe else []
    dataset = datasets.describe(spec.dataset)
    parts += [dataset.classes, spec.recipe.input_size or dataset.height, version("torch")]
    return user_cache.key_of(*parts)


def _run(specs: Mapping[str, RunSpec]) -> dict[str, str]:
    """key -> error message, for those that do not work. Raises SpecError when the process itself fails."""
    return isolated.ask(
        "attnctl.networks.probe",
        {key: replace(spec, init="").to_json() for key, spec in specs.items()},
        [item for spec in specs.values() for item in spec.network_code_versions],
        what="trying the module on two images",
        seconds=_FIRST + _EACH * len(specs),
    )
