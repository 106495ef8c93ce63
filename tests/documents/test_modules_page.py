"""docs/modules.md: its table of the modules has every module with its present sizes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from attnctl import attention, groups

PAGE = (Path(__file__).parents[2] / "docs" / "modules.md").read_text(encoding="utf-8")


def test_the_table_has_every_module_with_its_numbers_of_parameters() -> None:
    rows = {
        name: (first, second) for name, first, second in re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) ", PAGE, re.M)
    }
    assert list(rows) == list(attention.names())
    for name, printed in rows.items():
        modules: list[Any] = [attention.create(name, channels, (28, 28)) for channels in (64, 256)]
        assert printed == tuple(f"{sum(p.numel() for p in module.parameters()):,}" for module in modules)


def test_the_page_names_every_group() -> None:
    assert re.findall(r"^\| `(\w+)` \| [a-z]", PAGE.partition("## Sizes")[0], re.M) == list(groups.BUILT_IN)
