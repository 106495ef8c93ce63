"""What a search knows of its earlier trainings: the next ones depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from attnctl.spec import RunSpec


@dataclass(frozen=True)
class Result:
    """A training of a sample. spec: of one of its seeds. value: the mean over them; None if it ended without one.

    ended: it need not be waited for. lower: whether the lower value is the better one
    """

    spec: RunSpec
    value: float | None
    ended: bool
    lower: bool = False


def key_of(spec: RunSpec) -> tuple[str, str, str, str]:
    """What has samples of its own: a module in a network, on a data set."""
    return spec.network, spec.dataset, spec.module, spec.placement
