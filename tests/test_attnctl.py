"""What `import attnctl` gives: two functions, each imported when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import attnctl
from attnctl.db import frames
from attnctl.networks import surgery


def test_the_package_gives_load_and_attach() -> None:
    assert attnctl.load is frames.load
    assert attnctl.attach is surgery.attach
    assert attnctl.__version__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'attnctl' has no attribute 'lode'"):
        getattr(attnctl, "lode")  # noqa: B009 - a name that mypy would refuse


def test_importing_the_package_imports_neither_pandas_nor_torch() -> None:
    code = "import sys, attnctl; print(sorted({'pandas', 'torch', 'sqlalchemy', 'typer'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
