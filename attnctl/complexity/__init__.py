"""What a network costs: parameters, multiply-accumulates, activation memory, and the figures that papers print of them.

A network is built only where its counts are not known yet.

    work.py                           what is counted: sums of which every figure is made
    build.py, count.py, record.py     builds a network and follows one forward of it; these need torch
    conventions.py                    the ways of counting that papers used: what a layer costs, and what is not seen
    kept.py                           counts that were found before, in the user's cache folder
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from attnctl import attention, backbones, datasets
from attnctl.complexity import kept
from attnctl.complexity.conventions import CONVENTIONS, Convention, Written, convention
from attnctl.complexity.work import Counts
from attnctl.spec import NO_MODULE
from attnctl.values import Scalar, SpecError

__all__ = ["CONVENTIONS", "Cell", "Convention", "Counts", "Written", "cell", "convention", "counts"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A network to count: names as they are typed, `none` for the plain backbone; hyperparameters resolved, sorted.

    size: pixels of the square image. A cell without a backbone is the module alone, at `channels`; size is its map's.
    """

    module: str = NO_MODULE
    hyperparameters: tuple[tuple[str, Scalar], ...] = ()
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
) -> Cell:
    """The network of a module in a backbone for a data set; raises SpecError. size: pixels, if not the data set's."""
    data = datasets.describe(dataset)
    backbones.describe(backbone)
    made = Cell(backbone=backbone, classes=data.classes, size=size or data.height, channels=data.channels)
    if module == NO_MODULE:
        return made
    backbones.placement(backbone, placement)
    values = attention.describe(module).resolve(hyperparameters)
    return replace(made, module=module, hyperparameters=tuple(sorted(values.items())), placement=placement)


def counts(what: Cell, *, memory: bool = True, keep: bool = True) -> Counts:
    """The complexity of a network, from what was found before or by building it without memory for its tensors.

    memory: with the activation memory. keep: use and fill the user's cache folder. Raises SpecError when the network
    cannot be built.
    """
    key = kept.key(what)
    found = kept.read(key) if keep else None
    if found is None or (memory and found.activation_bytes is None):
        from attnctl.complexity.build import built_and_counted  # torch takes a second and a half

        try:
            found = built_and_counted(what, memory=memory)
        except ValueError as error:  # a module's own word about its channels
            raise error if isinstance(error, SpecError) else SpecError(str(error)) from error
        if keep:
            kept.write(key, found)
    return found
