"""The user's cache folder of these tests is an empty one."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured in a test is kept in its own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
