"""How often the intervals of a gain hold the true difference: simulated seeds, by correlation of partners and skew.

An interval of 95 % should hold it in 95 of 100 sweeps. Rows are normal, or skewed (exponential, as accuracies near
their ceiling are); partners of one seed correlate. The true gain is 0.5 with a spread of 0.4.

A second table is of predictions per image, where the same images are seen by all seeds. A fifth of the images is hard;
on each of these the row is better or worse by 30 points besides the true gain of 2 points over all images.

    python benchmarks/coverage.py [--quick] [--trials N] [--bootstraps N] [--images N] [--write FILE]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from arguments import Arguments

from attnctl.reports.statistics import per_image
from attnctl.reports.statistics.bootstrap import LEAST, bca
from attnctl.reports.statistics.gains import gain

SEEDS = (3, 5, 10)
CORRELATIONS = (0.0, 0.5, 0.9)
SHAPES: tuple[Literal["normal", "skewed"], ...] = ("normal", "skewed")
GAIN, SPREAD = 0.5, 0.4
HEADINGS = ("seeds", "correlation", "values", "paired t", "width", "Welch", "width", "BCa")
IMAGES, IMAGE_GAIN, HARD, OWN = 500, 2.0, 0.2, 0.3
"""Images of a simulated test set, the true gain in points, the share of hard images, and what each of them adds."""
IMAGE_SPREADS = (0.0, 1.0)
IMAGE_HEADINGS = (
    "seeds",
    "spread of the gain",
    "seeds and images",
    "width",
    "seeds alone",
    "width",
    "p < 0.05 by chance",
)
RESAMPLES = 999
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


def predictions(generator: np.random.Generator, seeds: int, spread: float, true_gain: float) -> npt.NDArray[np.int64]:
    """Differences of two networks per seed and image. spread: of the gain between seeds, in points"""
    hard = generator.random(IMAGES) < HARD
    own = generator.choice((-OWN, OWN), size=IMAGES)
    shift = generator.normal(true_gain, spread, size=(seeds, 1)) / 100 / HARD if spread else true_gain / 100 / HARD
    theirs = np.where(hard, 0.5, 0.98)
    ours = np.where(hard, 0.5 + own + shift, 0.98)
    rights = [list(generator.random((seeds, IMAGES)) < chance) for chance in (ours, theirs)]
    return per_image.differences(*rights)


def image_coverage(seeds: int, spread: float, trials: int) -> list[str]:
    """A row of the second table: coverage and width over seeds and images, and over seeds alone; false positives."""
    generator = np.random.default_rng(seeds)
    drawn = [predictions(generator, seeds, spread, IMAGE_GAIN) for _ in range(trials)]
    both = [per_image.interval(found, RESAMPLES) for found in drawn]
    means = [100 * found.mean(axis=1) for found in drawn]
    alone = [gain(dict(enumerate(map(float, row))), dict.fromkeys(range(seeds), 0.0)).interval for row in means]
    null = [per_image.p_value(predictions(generator, seeds, spread, 0.0)) < 0.05 for _ in range(trials)]
    widths = [[high - low for low, high in filter(None, found)] for found in (both, alone)]
    cells = [str(seeds), f"{spread:g}"]
    for found, width in zip((both, alone), widths, strict=True):
        cells += [_share(found, IMAGE_GAIN), f"{np.mean(width):.2f}"]
    return [*cells, f"{100 * np.mean(null):.1f} %"]


def image_table(trials: int) -> Iterator[str]:
    """The lines of the second table."""
    yield "| " + " | ".join(IMAGE_HEADINGS) + " |"
    yield "| " + " | ".join(["---:"] * len(IMAGE_HEADINGS)) + " |"
    for seeds in SEEDS:
        for spread in IMAGE_SPREADS:
            yield "| " + " | ".join(image_coverage(seeds, spread, trials)) + " |"


def _share(found: list[tuple[float, float] | None], true_gain: float = GAIN) -> str:
    held = [interval is not None and interval[0] <= true_gain <= interval[1] for interval in found]
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
    arguments.size("images", 300, 20, "simulated sweeps of the table of predictions per image")
    arguments.parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this Markdown file")
    given = arguments.read()
    lines = [*table(given.trials, given.bootstraps), "", *image_table(given.images)]
    print("\n".join(lines))
    if given.write is not None:
        text = given.write.read_text(encoding="utf-8")
        made = "\n".join([BEGIN, "", *lines, "", END])
        pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
        given.write.write_text(re.sub(pattern, lambda _: made, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
