"""The fonts of figures."""

from __future__ import annotations

import pytest
from matplotlib import font_manager

from attnctl.reports.figures import fonts
from attnctl.values import SpecError


@pytest.mark.parametrize("name", fonts.FONTS)
def test_the_named_fonts_come_with_matplotlib(name: str) -> None:
    first, _ = fonts.family(name)
    assert "matplotlib" in font_manager.findfont(first, fallback_to_default=False)


def test_a_font_of_this_machine_is_found_in_any_case() -> None:
    assert fonts.family("dejavu serif") == ("DejaVu Serif", "DejaVu Sans")


@pytest.mark.parametrize(
    ("name", "advice"), [("tims", "did you mean 'times'?"), ("?", "use sans, times or install it")]
)
def test_an_unknown_font_is_an_error_with_advice(name: str, advice: str) -> None:
    with pytest.raises(SpecError, match="this machine has no font of that name") as raised:
        fonts.family(name)
    assert advice in str(raised.value)
