"""Each test has a cache folder of its own; some have two workspaces."""

from pathlib import Path

import pytest

from attnctl.workspace.layout import Workspace


@pytest.fixture(autouse=True)
def separate_cache(own_cache: None) -> None:
    """For every test here."""


@pytest.fixture
def two(folder: Path) -> tuple[Workspace, Workspace]:
    """The workspace one stands in, and another."""
    other = folder.parent / "other"
    other.mkdir()
    return Workspace(folder), Workspace(other)
