"""How often the intervals of a gain hold the true difference: simulated seeds, by correlation of partners and skew.

An interval of 95 % should hold it in 95 of 100 sweeps. Rows are normal, or skewed (exponential, as accuracies near
their ceiling are); partners of one seed correlate. The true gain is 0.5 with a spread of 0.4.

    python benchmarks/coverage.py [--quick] [--trials N] [--bootstraps N] [--write FILE]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from arguments import Arguments

from attnctl.reports.statistics.bootstrap import LEAST, bca
from attnctl.reports.statistics.gains import gain

SEEDS = (3, 5, 10)
CORRELATIONS = (0.0, 0.5, 0.9)
SHAPES: tuple[Literal["normal", "skewed"], ...] = ("normal", "skewed")
GAIN, SPREAD = 0.5, 0.4
HEADINGS = ("seeds", "correlation", "values", "paired t", "width", "Welch", "width", "BCa")
BEGIN, END = "<!-- coverage: made by `make coverage` -->", "<!-- end of coverage -->"


def draws(
    generator: np.random.Generator, shape: Literal["normal", "skewed"], correlation: float, size: tuple[int, int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values of a row and of its baseline; partners share a part of their noise, of variance `correlation`."""

    def noise() -> npt.NDArray[np.float64]:
        return generator.normal(size=size) if shape == "normal" else 1 - generator.exponential(size=size)

    shared = np.sqrt(correlation) * noise()
    ours, theirs = (SPREAD * (shared + np.sqrt(1 - correlation) * noise()) for _ in range(2))
    return 90 + GAIN + ours, 90 + theirs


def coverage(shape: Literal["normal", "skewed"], correlation: float, n: int, trials: int, bootstraps: int) -> list[str]:
    """A row of the table: the share of trials whose interval holds the gain, and the intervals' mean width."""
    ours, theirs = draws(np.random.default_rng(n), shape, correlation, (trials, n))
    cells = [str(n), f"{correlation:g}", shape]
    for unpaired in (False, True):
        found = [
            gain(dict(enumerate(map(float, one))), dict(enumerate(map(float, other))), unpaired=unpaired).interval
            for one, other in zip(ours, theirs, strict=True)
        ]
        cells += [_share(found), f"{np.mean([high - low for low, high in filter(None, found)]):.2f}"]
    boots = [bca(list(map(float, row))) for row in (ours - theirs)[:bootstraps]] if n >= LEAST else []
    return [*cells, _share(boots) if boots else ""]


def _share(found: list[tuple[float, float] | None]) -> str:
    held = [interval is not None and interval[0] <= GAIN <= interval[1] for interval in found]
    return f"{100 * np.mean(held):.1f} %"


def table(trials: int, bootstraps: int) -> Iterator[str]:
    """The lines of the table in Markdown."""
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "| " + " | ".join("---:" if name != "values" else "---" for name in HEADINGS) + " |"
    for n in SEEDS:
        for correlation in CORRELATIONS:
            for shape in SHAPES:
                yield "| " + " | ".join(coverage(shape, correlation, n, trials, bootstraps)) + " |"


def main() -> None:
    """Print the table, or put it into a document."""
    arguments = Arguments(__doc__)
    arguments.size("trials", 4000, 400, "simulated sweeps")
    arguments.size("bootstraps", 500, 20, "of them, those with BCa intervals")
    arguments.parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown file")
    given = arguments.read()
    lines = list(table(given.trials, given.bootstraps))
    print("\n".join(lines))
    if given.write is not None:
        text = given.write.read_text(encoding="utf-8")
        made = "\n".join([BEGIN, "", *lines, "", END])
        pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
        given.write.write_text(re.sub(pattern, lambda _: made, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
