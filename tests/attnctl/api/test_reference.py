"""docs/api.md says what the docstrings say."""

from __future__ import annotations

from pathlib import Path

import attnctl
from attnctl.api.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "python -m attnctl.api.reference > docs/api.md"


def test_every_public_name_has_its_section() -> None:
    headings = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert sorted(heading.removeprefix("## attnctl.") for heading in headings) == sorted(vars(attnctl)["_MODULES"])
