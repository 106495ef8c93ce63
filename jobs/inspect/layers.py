"""The layers of a network by the names that users know: `layer4.2` is a block with the attention after it.

Of a detector or a segmentation network they are those of its backbone, by the names that they have in a classifier.
"""

from __future__ import annotations

from torch import nn

from attnctl import backbones
from attnctl.backbones.places import find, stages
from attnctl.jobs.inspect.load import Trained
from attnctl.values import SpecError, did_you_mean


def resolve(trained: Trained, name: str) -> str:
    """The path in the backbone of the layer of that name; raises SpecError with the nearest, or why it has no maps.

    A name stands for the same layer with and without attention after it: `layer4.2.conv3` is `layer4.2.part.conv3`.
    """
    parts = {part.path: part for part in trained.parts}
    plain = {_plain(path): path for path in reversed(parts)}
    path = name if name in parts else plain.get(name)
    where = f"the network of run {trained.run} ({trained.spec.backbone})"
    if path is None:
        raise SpecError(f"{where} has no layer {name!r}{did_you_mean(name, [*plain, *ends(trained)])}"[:500])
    part = parts[path]
    if part.shape is None or part.last:
        kind = "no maps" if part.shape is None else "maps with their channels last"
        raise SpecError(f"layer {name} of {where} gives {kind}; maps (batch, channels, height, width) are needed")
    if part.calls > 1:
        raise SpecError(f"layer {name} of {where} runs {part.calls} times in one forward, so its map is not one")
    return path


def module(trained: Trained, path: str) -> nn.Module:
    """The layer of that path in the backbone."""
    return trained.network.get_submodule(trained.prefix + path)


def ends(trained: Trained) -> list[str]:
    """The ends of the stages, as the backbone's placement `stage` has them; raises SpecError when it has none."""
    parts = trained.parts
    name = backbones.of_run(trained.spec.backbone, trained.spec.versions.backbone, trained.sources)
    place = backbones.placements(name).get("stage")
    if place is None:
        found = list(stages(parts, trained.size))
        if not found:
            raise SpecError(f"{trained.spec.backbone} has no stages of maps; name its layers with --layer")
        return found
    return [_plain(part.path) for part in find(parts, place, trained.spec.backbone)]


def last(trained: Trained) -> str:
    """The end of the last stage whose maps have more than one place: a map of one place says nothing of where."""
    found = ends(trained)
    return next((name for name in reversed(found) if shape(trained, resolve(trained, name)) != (1, 1)), found[-1])


def shape(trained: Trained, path: str) -> tuple[int, int]:
    """(height, width) of the maps of a layer."""
    part = next(part for part in trained.parts if part.path == path)
    assert part.shape is not None
    return part.shape[1], part.shape[2]


def _plain(path: str) -> str:
    """The name that a part has without attention after it."""
    return path.replace(".part.", ".")
