"""The layers of a network by the names that users know, such as `layer4.2` for a block with the attention after it.

In a detector or segmentation network, these are the layers of its backbone, by their names in a classifier.
"""

from __future__ import annotations

from torch import nn

from attnctl import backbones
from attnctl.backbones.places import find, stages
from attnctl.jobs.inspect.load import Trained
from attnctl.values import SpecError, did_you_mean


def resolve(trained: Trained, name: str) -> str:
    """The path in the backbone of the layer with that name; raises SpecError with suggestions or the reason.

    A layer has the same name with and without attention after it: `layer4.2.conv3` is found as `layer4.2.part.conv3`.
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
        raise SpecError(f"layer {name} of {where} outputs {kind}; it must output (batch, channels, height, width)")
    if part.calls > 1:
        raise SpecError(f"layer {name} of {where} runs {part.calls} times per forward, so it has no single map")
    return path


def module(trained: Trained, path: str) -> nn.Module:
    """The layer with that path in the backbone."""
    return trained.network.get_submodule(trained.prefix + path)


def ends(trained: Trained) -> list[str]:
    """The ends of the stages, from the backbone's placement `stage`; raises SpecError if there are none."""
    parts = trained.parts
    name = backbones.of_run(trained.spec.backbone, trained.spec.versions.backbone, trained.sources)
    placement = backbones.placements(name).get("stage")
    if placement is None:
        paths = list(stages(parts, trained.size))
        if not paths:
            raise SpecError(f"{trained.spec.backbone} has no stages; select its layers with --layer")
        return paths
    return [_plain(part.path) for part in find(parts, placement, trained.spec.backbone)]


def last(trained: Trained) -> str:
    """The end of the last stage whose maps are larger than 1x1; a map of one pixel has no spatial information."""
    names = ends(trained)
    return next((name for name in reversed(names) if shape(trained, resolve(trained, name)) != (1, 1)), names[-1])


def shape(trained: Trained, path: str) -> tuple[int, int]:
    """(height, width) of a layer's maps."""
    part = next(part for part in trained.parts if part.path == path)
    assert part.shape is not None
    return part.shape[1], part.shape[2]


def _plain(path: str) -> str:
    """The name that the part has in a network without attention."""
    return path.replace(".part.", ".")
