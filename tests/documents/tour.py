"""The console session of a document: run as shown and compared, or with ATTNCTL_GOLDEN=write put into the file."""

from __future__ import annotations

import os
from pathlib import Path

from tests.documents import console

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def check(kind: str, folder: Path, page: Path = README) -> None:
    """Run the session of a kind and compare it, or with ATTNCTL_GOLDEN=write put what it printed into the page."""
    document = page.read_text(encoding="utf-8")
    tour = console.commands(document, kind)
    assert tour
    printed = [console.run(command.line, folder, os.environ) for command in tour]
    if os.environ.get("ATTNCTL_GOLDEN") == "write":
        page.write_text(console.with_outputs(document, kind, iter(printed)), encoding="utf-8")
        return
    for command, text in zip(tour, printed, strict=True):
        assert console.masked(text) == console.masked(command.output), f"{page.name} differs: $ {command.line}\n{text}"
