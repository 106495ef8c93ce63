"""The key in a bibliography of each module, from the papers' files."""

from __future__ import annotations

from collections.abc import Mapping

from attnctl import papers


def of_modules() -> Mapping[str, str]:
    """Module -> key: of the paper that is called like it, else of the first row of a table that has it and a key."""
    found: dict[str, str] = {}
    for name in papers.names():
        paper = papers.load(name)
        for table in paper.tables.values():
            for row in table.rows:
                if row.cite and not row.baseline:
                    found.setdefault(row.setup.module, row.cite)
        if paper.cite:
            found[name] = paper.cite
    return found
