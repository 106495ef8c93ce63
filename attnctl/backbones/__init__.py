"""The backbones and their placements, read from data files without torch; networks are built on demand.

backbones.toml    our backbones; any classification network of torchvision and `timm:name` work too
placements.toml   family -> placement -> patterns of module paths
channels.json     the channels at each placement of each backbone: made by `python -m attnctl.networks.channels`
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from attnctl import sources
from attnctl.backbones import library, table
from attnctl.backbones.build import build as build
from attnctl.backbones.build import of_run as of_run
from attnctl.backbones.places import REPLACE, Part, Placement, combined, find, from_pattern, is_pattern, split, stages
from attnctl.backbones.table import FOLDER as FOLDER
from attnctl.backbones.table import NO_SE as NO_SE
from attnctl.backbones.table import canonical, origin
from attnctl.backbones.table import names as names
from attnctl.sources import plugins
from attnctl.values import SpecError, comma_join, nearest


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network that attention can be inserted into. input: the side of its usual input in pixels.

    smallest: the side of the smallest input. multiple: what a side must be a multiple of. stages: the parts after
    which the placement `stage` is, if the family does not say it.
    """

    name: str
    family: str
    build: str
    input: int
    source: str
    light: bool = False
    version: int | str = 1
    smallest: int = 1
    multiple: int = 1
    stages: Sequence[str] = ()
    key: str = ""
    """Of a user's own: what tells two of the same name apart."""

    @property
    def placements(self) -> tuple[str, ...]:
        """The names of the places in it."""
        return tuple(placements(self.key or self.name))


def describe(name: str) -> Backbone:
    """The backbone of that name, or of a user's `./net.py:build`; raises SpecError with the most similar name."""
    return _described(canonical(name))


@cache
def _described(name: str) -> Backbone:
    function = None if name in names() else plugins.function(name)
    if function is not None:
        found = library.measured(name)
        return Backbone(
            name=function.name,
            family=_family(found.network),
            build=function.key,
            input=found.input,
            source="a user's own" if sources.is_own(function.version) else f"the package {function.import_name}",
            version=function.version,
            key=name,
        )
    if name not in names():
        library.check_name(name, names())
        found = library.measured(name)
        family = _family(found.network)
        built = origin(name)
        changed = "without its own SE" if name.endswith(NO_SE) else "unchanged"
        source = f"{built.partition(':')[0]}, {changed}"
        light = _is_light(family)
        return Backbone(name=name, family=family, build=built, input=found.input, source=source, light=light)
    row = {key: value for key, value in table.read("backbones.toml")[name].items() if key != "also"}
    return Backbone(name=name, **{"light": _is_light(row["family"]), **row})


def family(name: str) -> Mapping[str, Placement]:
    """The placements of a family of networks and those of any network, by name; a network may lack some of them."""
    return {**family_places("any"), **family_places(name)}


def family_places(name: str) -> Mapping[str, Placement]:
    """The placements of one family only, a backbone family or a model; empty if there are none."""
    rows = table.read("placements.toml").get(name, {})
    return {
        place: Placement(
            name=place,
            after=tuple(row.get("after", ())),
            replace=tuple(row.get("replace", ())),
            again=row.get("again", {}),
            where=row["where"],
            version=row["version"],
            also=tuple(row.get("also", ())),
        )
        for place, row in rows.items()
        if isinstance(row, dict)
    }


def available(family_name: str, parts: Sequence[Part], size: int) -> dict[str, tuple[Placement, list[Part]]]:
    """The placements available in a network with these parts; `stage` is computed where the data file has none.

    size: the side in pixels of the input with which the parts were traced.
    """
    found = {}
    for name, place in family(family_name).items():
        try:
            found[name] = place, find(parts, place, "network")
        except SpecError:
            continue  # the family has it, this network does not
    if "stage" not in found:
        found |= {name: (place, find(parts, place, "network")) for name, place in _stage(stages(parts, size)).items()}
    return found


def _stage(ends: Sequence[str]) -> dict[str, Placement]:
    """The placement `stage` of a network whose stages end with these parts; empty if there are none."""
    where = "last map at each resolution from a quarter of the input's on"
    return {"stage": Placement(name="stage", after=tuple(ends), where=where)} if ends else {}


def placements(name: str) -> Mapping[str, Placement]:
    """The placements of a backbone, by name; raises SpecError for an unknown backbone."""
    return _placements(canonical(name))


@cache
def _placements(name: str) -> Mapping[str, Placement]:
    backbone = _described(name)
    if backbone.name in _channels():
        rows = {**family(backbone.family), **_stage(backbone.stages)}
        return {place: rows[place] for place in _channels()[backbone.name]}
    measured = library.measured(name)
    return {place: row for place, (row, _) in available(backbone.family, measured.parts, measured.input).items()}


def placement(backbone: str, name: str) -> Placement:
    """A placement of a backbone, by names, patterns or paths; raises SpecError listing the available ones."""
    network = f"backbone {describe(backbone).name}"
    return _choose(placements(backbone), name, network, lambda: library.measured(canonical(backbone)).parts)


def placement_in(network: str, parts: Sequence[Part], size: int, name: str) -> Placement:
    """A placement, by name or pattern, in a network of that class with these parts; raises SpecError.

    size: the side in pixels of the input with which the parts were traced.
    """
    known = {place: row for place, (row, _) in available(_family(network), parts, size).items()}
    return _choose(known, name, network, lambda: parts)


def _choose(known: Mapping[str, Placement], name: str, network: str, parts: Callable[[], Iterable[Part]]) -> Placement:
    """The placement of a name, pattern or path. parts: of the network; measured only if nothing else has that name."""
    short = name.removeprefix(REPLACE)
    place = next((row for row in known.values() if short in (row.name, *row.also)), None)
    if place is not None and (place.replaces or short == name):
        return place
    if place is None and len(split(name)) > 1:
        whole = combined([_choose(known, part, network, parts) for part in split(name)])
        return known.get(whole.name, whole)
    if place is None and (is_pattern(short) or _is_path(short, known, parts)):
        return from_pattern(name)
    has = comma_join([row.label for row in known.values()]) if known else "none: it gives no maps (B, C, H, W)"
    raise SpecError(f"{network} has no placement {name!r}; it has {has}; patterns such as 'layer*.?.bn3' work too")


def _is_path(short: str, known: Iterable[str], parts: Callable[[], Iterable[Part]]) -> bool:
    """Whether a word is the path of a part, such as layer1; one that is nearly a placement's name is a mistake."""
    return nearest(short, tuple(known)) is None and any(part.path == short for part in parts())


@cache
def placement_names() -> tuple[str, ...]:
    """The names of the placements of all families, including aliases."""
    families = table.read("placements.toml")
    rows = [row for name in families for row in family(name).values()]
    return tuple(sorted({name for row in rows for name in (row.name, *row.also)}))


def _family(network: str) -> str:
    """The family of a network of that class; `any` if it belongs to none."""
    families = table.read("placements.toml").items()
    return next((name for name, rows in families if network in rows.get("networks", ())), "any")


def _is_light(name: str) -> bool:
    return bool(table.read("placements.toml").get(name, {}).get("light", False))


@cache
def _channels() -> dict[str, dict[str, list[int]]]:
    document: dict[str, dict[str, list[int]]] = json.loads((FOLDER / "channels.json").read_text(encoding="utf-8"))
    return document


def channels(backbone: str, name: str) -> tuple[int, ...]:
    """The channels at each place of a placement, in the order of the network; raises SpecError."""
    place = placement(backbone, name)
    generated = _channels().get(describe(backbone).name, {})
    if place.name in generated:
        return tuple(generated[place.name])
    return tuple(part.shape[0] for part in _parts(backbone, place) if part.shape)


def paths(backbone: str, name: str) -> tuple[str, ...]:
    """The path of each place of a placement; raises SpecError."""
    return tuple(part.path for part in _parts(backbone, placement(backbone, name)))


def residual_ends(backbone: str) -> tuple[str, ...]:
    """The paths of the last part of each residual branch of a ResNet, in order; empty for any other network."""
    block = placements(backbone).get("block")
    if block is None or not all(pattern.endswith((":BasicBlock", ":Bottleneck")) for pattern in block.patterns):
        return ()
    return paths(backbone, "block")


def takes_norms(backbone: str, name: str) -> bool:
    """Whether the parts that a placement replaces are norms; raises SpecError."""
    place = placement(backbone, name)
    if place.name in placements(backbone):
        return place.replaces_norms
    return place.replaces and all(part.is_norm for part in _parts(backbone, place))


def _parts(backbone: str, place: Placement) -> list[Part]:
    return find(library.measured(canonical(backbone)).parts, place, f"backbone {describe(backbone).name}")
