"""What is built once: a committed copy of this tree, its wheel, its sdist, and an environment made from the wheel."""

from __future__ import annotations

import shutil
import sys
import venv
from pathlib import Path

import pytest

from tests.packaging.builds import FOLDERS, PIP, ROOT, Environment, clone, git, run, wheel_of


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
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    run(sys.executable, "-c", build, cwd=clone(checkout, folder))
    (found,) = folder.glob("*.tar.gz")
    return found


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    project = tmp_path_factory.mktemp("environment")
    made = Environment(project / ".venv")
    venv.create(made.folder, symlinks=True)
    run(*PIP, "--python", made.python, "install", "--no-deps", "--no-index", str(wheel), cwd=made.folder)
    shared = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    (made.packages / "shared.pth").write_text("".join(f"{path}\n" for path in shared))
    git(project, "init", "--quiet")  # as many users have it; the commit is not attnctl's
    git(project, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    return made
