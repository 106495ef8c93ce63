"""Building attnctl as an installation does, and calling what was installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("attnctl", "jobs", "db", "reports", "src")
"""What the package is made of in this tree: three folders of the first are links, and the last holds a link to it."""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation")
DESCRIBE = """
import json
from pathlib import Path
from attnctl.jobs.submission import code_snapshot
from attnctl.workspace.layout import Workspace
print(json.dumps(code_snapshot.describe(Workspace(Path("here")), {})))
"""
"""A program that prints what an installation records of its own code."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that has attnctl."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin/python")

    @property
    def command(self) -> str:
        return str(self.folder / "bin/attnctl")

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found


def environment(folder: Path, wheel: Path) -> Environment:
    """An environment with a wheel and, so that it need not download them, the other packages of this one."""
    made = Environment(folder)
    venv.create(folder, symlinks=True)
    run(*PIP, "--python", made.python, "install", "--no-deps", "--no-index", "--no-compile", str(wheel), cwd=folder)
    shared = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    (made.packages / "shared.pth").write_text("".join(f"{path}\n" for path in shared))
    return made


def run(*command: str, cwd: Path, **environ: str) -> str:
    """The output of a command that succeeds; nothing of this process's environment names attnctl."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ATTNCTL_", "SLURM"))}
    kept |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **environ}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def git(folder: Path, *words: str) -> str:
    """The output of git in a folder, whatever the user's settings are."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return run("git", *identity, *words, cwd=folder, HOME=str(folder), GIT_CONFIG_NOSYSTEM="1").strip()


def files_of_the_package() -> set[str]:
    """Every file of the package in this tree, named as it is imported; notes for its readers are left out."""
    return {
        Path(parent, name).relative_to(ROOT).as_posix()
        for parent, _, names in os.walk(ROOT / "attnctl", followlinks=True)
        for name in names
        if "__pycache__" not in parent and not name.startswith(".") and not name.endswith(".md")
    }


def clone(checkout: Path, parent: Path) -> Path:
    git(checkout, "clone", "--quiet", str(checkout), str(parent / "clone"))
    return parent / "clone"


def built(tree: Path, kind: str, folder: Path) -> Path:
    """What setuptools builds of a tree. kind: `sdist`, or `editable`: the wheel that `pip install -e` installs."""
    build = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder)!r})"
    run(sys.executable, "-c", build, cwd=tree)
    (found,) = [*folder.glob("*.tar.gz"), *folder.glob("*.whl")]
    return found


def wheel_of(source: str, folder: Path) -> Path:
    run(*PIP, "wheel", *OFFLINE, "--wheel-dir", str(folder), source, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found
