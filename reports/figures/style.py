"""How figures look: fit for a paper's column, told apart without colours, the same bytes on every machine.

The colours are those of Okabe and Ito, Color universal design, 2008, with a grey, told apart with any colour vision;
each series also has a marker and a line style of its own, for prints in grey.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import rcParams
from matplotlib import style as styles
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from attnctl.reports.figures import fonts

POINTS = 8
"""Of every text, at the width in print."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A5A5A")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
_LETTERS_PER_INCH = 14
"""Of a text of this size, roughly."""

BLACK = "#000000"

_PARAMETERS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": POINTS,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": POINTS,
    "errorbar.capsize": 2,
    "figure.titlesize": POINTS,
    "axes.formatter.useoffset": False,  # a figure must be read without adding numbers
    "font.sans-serif": fonts.FONTS["sans"][:1],
    "font.serif": fonts.FONTS["times"][:1],
    "font.size": POINTS,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.5,
    "legend.fontsize": POINTS,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # TrueType: submission systems refuse type 3
    "savefig.dpi": 300,
    "svg.fonttype": "none",  # text stays text: it can be searched, edited and set in the paper's font
    "svg.hashsalt": "attnctl",
    "text.parse_math": False,  # a name may hold a dollar sign
    "xtick.labelsize": POINTS,
    "xtick.major.width": 0.6,
    "ytick.labelsize": POINTS,
    "ytick.major.width": 0.6,
}


@dataclass(frozen=True)
class Look:
    """How one series looks."""

    colour: str
    marker: str
    line: Any


def look(number: int) -> Look:
    """The look of a series by its number, from 0."""
    turn = number // len(COLOURS)
    return Look(
        COLOURS[number % len(COLOURS)],
        _MARKERS[(number + turn) % len(_MARKERS)],
        _LINES[number % len(_LINES)],
    )


@contextmanager
def styled(ink: str = BLACK, font: str = "sans") -> Iterator[None]:
    """The style, whatever a user's matplotlibrc says; figures are made and saved within it. Raises SpecError.

    ink: the colour of text and axes. font: as `fonts.family` has it.
    """
    inks = ("axes.edgecolor", "axes.labelcolor", "grid.color", "text.color", "xtick.color", "ytick.color")
    family = {"font.family": list(fonts.family(font))}
    with styles.context(["default", {**_PARAMETERS, **dict.fromkeys(inks, ink), **family}]):
        yield


def ink() -> str:
    """The colour of text and axes within `styled`."""
    return str(rcParams["text.color"])


def new_figure(width: float, height: float, pad: float = 0.04, between: float = 0.0) -> Figure:
    """An empty figure whose parts keep clear of each other. All in inches.

    between: what panels side by side have more
    """
    layout = ConstrainedLayoutEngine(w_pad=pad + between / 2, h_pad=pad, wspace=pad, hspace=pad)
    return Figure(figsize=(width, height), layout=layout)


def folded(text: str, inches: float) -> str:
    """A text in lines that fit a width."""
    return "\n".join(textwrap.wrap(text, max(8, int(inches * _LETTERS_PER_INCH)))) or text
