"""A workspace with runs that are written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.workspace.layout import Workspace
from tests.db import written


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Four runs of a sweep, one of which has ended."""
    made = Workspace(tmp_path)
    runs = written.specs(("none", "ela"), ("0", "1"))
    written.submit(made, runs, sweep="first")
    written.finish(made, runs[0].id)
    return made
