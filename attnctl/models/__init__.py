"""Detectors and segmentation networks around a backbone, described by data files that are read without torch.

models.toml      one table per model
channels.json    model/backbone -> the model's own places, as paths with channels:
                 made by `python -m attnctl.networks.channels`
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attnctl import backbones, datasets
from attnctl.backbones.places import Placement
from attnctl.spec import DEFAULT, Task
from attnctl.values import SpecError, comma_join, did_you_mean

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network around a backbone.

    backbones: those that fit, the default first
    input: pixels of the side that it is made for; of the short side where images keep their shape
    norms: the backbone's batch norms unless a recipe says otherwise
    recipes: data set -> the recipe that goes with it
    maps: whether it is trained on the class of every pixel, too
    """

    name: str
    task: Task
    build: str
    backbones: tuple[str, ...]
    input: int
    norms: str
    recipes: Mapping[str, str]
    version: int
    source: str
    maps: bool = False

    @property
    def placements(self) -> Mapping[str, Placement]:
        """The places that are not in the backbone, by name."""
        return backbones.family_places(self.name)

    def recipe(self, dataset: str) -> str:
        """The recipe that goes with it and a data set; raises SpecError."""
        if dataset not in self.recipes:
            known = comma_join(self.recipes)
            raise SpecError(f"{self.name} has no recipe for {dataset}, but for {known}; name one with --recipe")
        return self.recipes[dataset]


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8"))


@cache
def names() -> tuple[str, ...]:
    """The models, by name."""
    return tuple(sorted(_table()))


@cache
def describe(name: str) -> Model:
    """The model of that name; raises SpecError with the most similar name."""
    if name not in _table():
        raise SpecError(f"unknown model {name!r}{did_you_mean(name, names())}")
    row = _table()[name]
    return Model(
        name=name,
        **{**row, "backbones": tuple(row["backbones"]), "recipes": MappingProxyType(dict(row["recipes"]))},
    )


def task(name: str) -> Task:
    """The task of a model; the empty model is the backbone as a classifier."""
    return describe(name).task if name else "classify"


def datasets_of(wanted: Task) -> list[str]:
    """The data sets of a task, by name."""
    return [name for name in datasets.names() if wanted in datasets.describe(name).tasks]


def check_fit(name: str, backbone: str, dataset: str) -> None:
    """Raise SpecError unless the backbone and the data set fit the model (empty: a classifier)."""
    if name and backbones.describe(backbone).name not in describe(name).backbones:
        raise SpecError(f"{name} does not work with {backbone}; choose one of {comma_join(describe(name).backbones)}")
    wanted, served = task(name), datasets.describe(dataset).tasks
    if wanted in served:
        return
    fitting = datasets_of(wanted)
    models = [item for item in names() if describe(item).task in served]
    raise SpecError(
        f"{name or 'a classifier'} is for the task {wanted}, {dataset} for {comma_join(served)}; data sets that fit: "
        f"{comma_join(fitting) if fitting else 'none'}"
        + (f"; models that fit {dataset}: {comma_join(models)}" if models else "")
    )


def placements(name: str, backbone: str) -> Mapping[str, Placement]:
    """The placements of the backbone, and the model's own where there is one."""
    own = describe(name).placements if name else {}
    return {**backbones.placements(backbone), **own}


def is_own(name: str, placement: str) -> bool:
    """Whether a placement is the model's own: it is found in the whole network, the others in the backbone."""
    return bool(name) and _named(describe(name).placements, placement) is not None


def placement(name: str, backbone: str, place: str) -> Placement:
    """A placement of the model or its backbone, by its name or a pattern of the backbone's parts; raises SpecError."""
    own = _named(describe(name).placements, place) if name else None
    if own is not None:
        return own
    try:
        return backbones.placement(backbone, place)
    except SpecError as error:
        more = comma_join(describe(name).placements) if name and describe(name).placements else ""
        raise SpecError(f"{error}; {name} itself has {more}" if more else str(error)) from error


def channels(name: str, backbone: str, place: str) -> tuple[int, ...]:
    """The channels at each place of a placement, in the order of the network; raises SpecError."""
    if not is_own(name, place):
        return backbones.channels(backbone, place)
    return tuple(places(name, backbone, place).values())


def places(name: str, backbone: str, place: str) -> Mapping[str, int]:
    """The channels at each path of one of the model's own placements, in the order of the network; raises SpecError."""
    return _channels()[f"{name}/{backbones.describe(backbone).name}"][placement(name, backbone, place).name]


def _named(known: Mapping[str, Placement], name: str) -> Placement | None:
    return next((row for row in known.values() if name in (row.name, row.label, *row.also)), None)


@cache
def _channels() -> dict[str, dict[str, dict[str, int]]]:
    document: dict[str, dict[str, dict[str, int]]] = json.loads((FOLDER / "channels.json").read_text(encoding="utf-8"))
    return document


def build(name: str, body: nn.Module, classes: int, *, norms: str = DEFAULT, size: int = 0) -> nn.Module:
    """Build the model around a backbone's network, which may already contain attention.

    classes: of objects without background (detect, instance), of pixels with it (segment). norms: batch, frozen,
    or default, the model's own. size: pixels of the input's side; 0 is the model's own.
    """
    described = describe(name)
    module, _, function = described.build.partition(":")
    make = getattr(import_module(module), function)
    network: nn.Module = make(body, classes, norms=described.norms if norms == DEFAULT else norms, size=size)
    return network
