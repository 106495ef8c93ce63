"""What a network costs: parameters, multiply-accumulates, activation memory, and the figures that papers print of them.

A network is built only where its counts are not known yet.

    cells.py                          a network to count, named as a command names it
    work.py                           what is counted: sums of which every figure is made
    build.py, count.py, record.py     builds a network and follows one forward of it; these need torch
    conventions.py                    the ways of counting that papers used: what a layer costs, and what is not seen
    kept.py                           counts that were found before, in the user's cache folder
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attnctl.networks.complexity import kept
from attnctl.networks.complexity.cells import Cell, cell
from attnctl.networks.complexity.conventions import CONVENTIONS, Convention, Written, convention
from attnctl.networks.complexity.work import Counts
from attnctl.values import SpecError

__all__ = ["CONVENTIONS", "Cell", "Convention", "Counts", "Written", "cell", "convention", "counts", "parameters"]


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
