"""The description of a network to count, with the names used on the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace

from attnctl import attention, backbones, datasets, models
from attnctl.spec import NO_MODULE
from attnctl.values import Scalar


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A network to count: a module in a backbone (`none`: the plain backbone), or without a backbone the module alone.

    hyperparameters: all of the module's, sorted. model: around the backbone, if any. size: side in pixels of the square
    image, or of the module's map. channels: of the image, or of the module's map.
    """

    module: str = NO_MODULE
    hyperparameters: tuple[tuple[str, Scalar], ...] = ()
    model: str = ""
    backbone: str = ""
    placement: str = ""
    classes: int = 0
    size: int
    channels: int = 3

    @property
    def plain(self) -> Cell:
        """The backbone without attention."""
        return replace(self, module=NO_MODULE, hyperparameters=(), placement="")


def cell(
    module: str,
    hyperparameters: dict[str, Scalar],
    backbone: str,
    placement: str,
    dataset: str,
    size: int | None = None,
    model: str = "",
) -> Cell:
    """The network of a module in a backbone for a data set; raises SpecError.

    size: side of the image in pixels; default: that of the model, or without a model that of the data set.
    """
    data = datasets.describe(dataset)
    backbones.describe(backbone)
    models.check_fit(model, backbone, dataset)
    size = size or (models.describe(model).input if model else data.height)
    plain = Cell(model=model, backbone=backbone, classes=data.classes, size=size, channels=data.channels)
    if module == NO_MODULE:
        return plain
    for _, own in attention.split(module):
        models.placement(model, backbone, own or placement)
    values = attention.describe(module).resolve(hyperparameters)
    return replace(plain, module=module, hyperparameters=tuple(sorted(values.items())), placement=placement)
