"""The cost of a network: parameters, multiply-accumulates, activation memory, and the counts that papers print.

A network is built only if its counts are not cached.

    cells.py                          the description of a network to count
    work.py                           the counted quantities, from which all counts are computed
    build.py, count.py, record.py     building a network and tracing one forward; these need torch
    conventions.py                    the counting conventions of papers: what a layer costs, and what is ignored
    kept.py                           counts cached in the user's cache folder
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


def counts(network: Cell, *, memory: bool = True, keep: bool = True) -> Counts:
    """The complexity of a network, from the cache or by building it on the meta device.

    memory: include the activation memory. keep: use and fill the user's cache folder. Raises SpecError when the network
    cannot be built.
    """
    key = kept.key(network)
    result = kept.read(key) if keep else None
    if result is None or (memory and result.activation_bytes is None):
        from attnctl.networks.complexity.build import build_and_count  # importing torch takes 1.5 s

        with _as_spec_error():
            result = build_and_count(network, memory=memory)
        if keep:
            kept.write(key, result)
    return result


def parameters(network: Cell, *, keep: bool = True) -> int:
    """The parameters of a network, without a forward, which takes seconds for a detector.

    keep: use the counts in the user's cache folder. Raises SpecError when the network cannot be built.
    """
    cached = kept.read(kept.key(network)) if keep else None
    if cached is not None:
        return cached.parameters
    from attnctl.networks.complexity.build import build_on_meta

    with _as_spec_error():
        return sum(parameter.numel() for parameter in build_on_meta(network).parameters())


@contextmanager
def _as_spec_error() -> Iterator[None]:
    """Turn a module's ValueError about its channels into a SpecError."""
    try:
        yield
    except ValueError as error:
        raise error if isinstance(error, SpecError) else SpecError(str(error)) from error
