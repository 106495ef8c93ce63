"""The fonts of figures: two that come with matplotlib, so that every machine has them, and those of this machine."""

from __future__ import annotations

from difflib import get_close_matches

from attnctl.values import SpecError, comma_join

FONTS = {"sans": ("DejaVu Sans", "sans-serif"), "times": ("STIXGeneral", "serif")}
"""Name of a font that every machine has -> its families; STIX is drawn to go with Times."""

_OTHER_SIGNS = "DejaVu Sans"
"""Has the signs that another font lacks."""


def family(name: str) -> tuple[str, ...]:
    """The families of a font, the one to use first; raises SpecError for one that this machine does not have."""
    if name in FONTS:
        return FONTS[name]
    from matplotlib import font_manager

    known = {family.lower(): family for family in font_manager.get_font_names()}
    if name.lower() in known:
        return known[name.lower()], _OTHER_SIGNS
    nearest = get_close_matches(name, [*FONTS, *known.values()], 1)
    advice = f"; did you mean {nearest[0]!r}?" if nearest else f"; use {comma_join(FONTS)} or install it"
    raise SpecError(f"--font {name[:60]!r}: this machine has no font of that name{advice}")
