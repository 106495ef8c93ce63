"""Programs beside Python that tests need: without them a test is left out, and says so; on CI they must be there."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NoReturn

import pytest


def program(name: str, package: str) -> str:
    """The path of a program of a Debian package."""
    found = shutil.which(name)
    if found is None:
        missing(name, package)
    return str(found)


def style(name: str, package: str) -> None:
    """Leave the test out without a file of LaTeX's, such as a style, of a Debian package."""
    command = [program("kpsewhich", "texlive-binaries"), name]
    if not subprocess.run(command, capture_output=True, check=False).stdout:
        missing(name, package)


def missing(name: str, package: str) -> NoReturn:
    """Leave the test out, or on CI let it fail."""
    message = f"{name} is not installed (Debian: {package})"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
