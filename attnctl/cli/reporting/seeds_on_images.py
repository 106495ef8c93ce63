"""Trained networks of several seeds compared on the images of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attnctl.spec import RunSpec

if TYPE_CHECKING:
    from attnctl.jobs.inspect.evaluating import Results

_LEAST_P = 1e-12
"""Below this a p value is rounding of floats."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A row of runs against the first one, over the seeds that both have.

    gain: in points of top-1. interval: over seeds and images, None where nothing differs. p: over images
    """

    row: str
    baseline: str
    seeds: tuple[int, ...]
    gain: float
    interval: tuple[float, float] | None
    p: float

    def to_json(self) -> dict[str, Any]:
        """The values by name."""
        return {
            "row": self.row,
            "with": self.baseline,
            "seeds": list(self.seeds),
            "gain": self.gain,
            "interval": list(self.interval) if self.interval is not None else None,
            "p": self.p,
        }

    def words(self) -> str:
        """In one sentence."""
        chance = f"= {self.p:.3g}" if self.p >= _LEAST_P else f"< {_LEAST_P:g}"
        interval = f" [{self.interval[0]:+.2f}, {self.interval[1]:+.2f}]" if self.interval is not None else ""
        return (
            f"{self.row} and {self.baseline}, {len(self.seeds)} seeds: {self.gain:+.2f} points of top-1{interval} "
            f"(95 % over seeds and images); McNemar's test over images p {chance}"
        )


def compare(results: Mapping[str, Results], specs: Sequence[RunSpec], names: Mapping[str, str]) -> list[Comparison]:
    """Each row of runs with the first one, where they share two seeds or more and the same images.

    names: of the runs, which end with their seed where seeds differ
    Images of several corruptions are not compared: they show the same image several times.
    """
    from attnctl.reports.statistics import per_image

    usable = [spec for spec in specs if spec.id in results and len(results[spec.id].evaluation.parts) == 1]
    rows: dict[str, dict[int, RunSpec]] = {}
    for spec in usable:
        rows.setdefault(spec.family, {})[spec.seed] = spec
    if len(rows) < 2 or len({results[spec.id].evaluation.content for spec in usable}) > 1:
        return []
    labels = {spec.family: names[spec.id].removesuffix(f" seed {spec.seed}") for spec in usable}
    (first, baseline), *others = rows.items()
    found = []
    for family, row in others:
        seeds = tuple(sorted(row.keys() & baseline.keys()))
        if len(seeds) < 2:
            continue
        ours, theirs = ([results[side[seed].id].predictions.right for seed in seeds] for side in (row, baseline))
        differences = per_image.differences(ours, theirs)
        found.append(
            Comparison(
                row=labels[family],
                baseline=labels[first],
                seeds=seeds,
                gain=per_image.gain(differences),
                interval=per_image.interval(differences),
                p=per_image.p_value(differences),
            )
        )
    return found
