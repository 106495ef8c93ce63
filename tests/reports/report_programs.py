"""Programs beside Python that tests need: without them a test is left out, and says so; on CI they must be there."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    """The path of a program of a Debian package."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed (Debian: {package})"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found
