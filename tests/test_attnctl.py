"""What `import attnctl` gives: functions and classes, each imported when it is first used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import attnctl
from attnctl.db import frames
from attnctl.networks import surgery


def declared() -> dict[str, str]:
    """The public names that type checkers know, with their modules."""
    stub = ast.parse((Path(attnctl.__file__).parent / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: node.module or "" for node in imports for alias in node.names}


def test_the_package_gives_load_and_attach() -> None:
    assert attnctl.load is frames.load
    assert attnctl.attach is surgery.attach
    assert attnctl.__version__


def test_type_checkers_know_the_names_that_there_are() -> None:
    assert declared() == vars(attnctl)["_MODULES"]
    assert set(declared()) < set(dir(attnctl))
    for name, module in declared().items():
        assert getattr(attnctl, name) is getattr(import_module(module), name)
        assert getattr(attnctl, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'attnctl' has no attribute 'lode'"):
        getattr(attnctl, "lode")  # noqa: B009 - a name that mypy would refuse


def test_importing_the_package_imports_neither_pandas_nor_torch() -> None:
    heavy = "{'pandas', 'torch', 'sqlalchemy', 'typer'}"
    code = f"import sys, attnctl; dir(attnctl); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
