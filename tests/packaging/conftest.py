"""What is built once: a committed copy of this tree, its wheel, its sdist, and an environment made from the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packaging.builds import FOLDERS, ROOT, Environment, built, clone, environment, git, wheel_of


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree as git keeps it, committed in a repository of its own."""
    folder = tmp_path_factory.mktemp("checkout") / "attnctl"
    folder.mkdir()
    for name in (*FOLDERS, "tests", "examples"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "As it is")
    return folder


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return wheel_of(str(clone(checkout, folder)), folder)


@pytest.fixture(scope="session")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    return built(clone(checkout, folder), "sdist", folder)


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment made from the wheel, in a repository of the user's."""
    project = tmp_path_factory.mktemp("installed")
    git(project, "init", "--quiet")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    return environment(project / ".venv", wheel)


@pytest.fixture(scope="session")
def editable(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What `make demo` sets up, in a clone that is called attnctl: an environment with an editable installation."""
    folder = tmp_path_factory.mktemp("editable")
    git(checkout, "clone", "--quiet", str(checkout), str(folder / "attnctl"))
    return environment(folder / "attnctl/.venv", built(folder / "attnctl", "editable", folder))
