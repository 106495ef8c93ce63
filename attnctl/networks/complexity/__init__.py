"""What a network costs: parameters, multiply-accumulates, activation memory, and the figures that papers print of them.

A network is built only where its counts are not known yet.

    work.py                           what is counted: sums of which every figure is made
    build.py, count.py, record.py     builds a network and follows one forward of it; these need torch
    conventions.py                    the ways of counting that papers used: what a layer costs, and what is not seen
    kept.py                           counts that were found before, in the user's cache folder
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from attnctl import attention, backbones, datasets, models
from attnctl.networks.complexity import kept
from attnctl.networks.complexity.conventions import CONVENTIONS, Convention, Written, convention
from attnctl.networks.complexity.work import Counts
from attnctl.spec import NO_MODULE
from attnctl.values import Scalar, SpecError

__all__ = ["CONVENTIONS", "Cell", "Convention", "Counts", "Written", "cell", "convention", "counts", "parameters"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A network to count: names as they are typed, `none` for the plain backbone; hyperparameters resolved, sorted.

    model: what stands around the backbone. size: pixels of the square image. A cell without a backbone is the module
    alone, at `channels`; size is its map's.
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

    size: pixels, if not the model's own, or without one the data set's.
    """
    data = datasets.describe(dataset)
    backbones.describe(backbone)
    models.check_fit(model, backbone, dataset)
    size = size or (models.describe(model).input if model else data.height)
    made = Cell(model=model, backbone=backbone, classes=data.classes, size=size, channels=data.channels)
    if module == NO_MODULE:
        return made
    models.placement(model, backbone, placement)
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
        from attnctl.networks.complexity.build import built_and_counted  # torch takes a second and a half

        with _as_spec_error():
            found = built_and_counted(what, memory=memory)
        if keep:
            kept.write(key, found)
    return found


def parameters(what: Cell, *, keep: bool = True) -> int:
    """The parameters of a network, which no forward is needed for: that of a detector takes seconds.

    keep: use what was found before in the user's cache folder. Raises SpecError when the network cannot be built.
    """
    found = kept.read(kept.key(what)) if keep else None
    if found is not None:
        return found.parameters
    from attnctl.networks.complexity.build import built_without_memory

    with _as_spec_error():
        return sum(parameter.numel() for parameter in built_without_memory(what).parameters())


@contextmanager
def _as_spec_error() -> Iterator[None]:
    """A module's own word about its channels, a ValueError, becomes a SpecError."""
    try:
        yield
    except ValueError as error:
        raise error if isinstance(error, SpecError) else SpecError(str(error)) from error
