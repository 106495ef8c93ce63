"""An installed attnctl beside files of the user's own that are named as its parts are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import attnctl
from tests.packaging.builds import Environment, files_of_the_package, git, run

SMALL = ("--epochs", "1", "--batch", "512", "--norm-batch", "512", "--input-size", "8", "--run-on", "local")
GATE = '''
"""A gate of the user's own."""

from db import SCALE
from reports import zero
from torch import nn


class Gate(nn.Module):
    """Scales the maps."""

    version = 1

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x):
        return x * (SCALE + zero())
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder, in a repository of theirs, with a file or folder for each name inside attnctl."""
    folder = tmp_path / "project"
    folder.mkdir()
    raises = "raise SystemExit(f'{__file__} is the user\\'s own, and attnctl imported it')\n"
    names = {Path(name.split("/")[1]).stem for name in files_of_the_package()} - {"__init__", "__main__", "py"}
    assert {"cli", "db", "jobs", "reports", "grid", "workspace"} <= names
    for name in names:
        (folder / f"{name}.py").write_text(raises)
    for name in ("jobs", "backbones"):
        (folder / f"{name}.py").unlink()
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(raises)
    (folder / "jobs/worker.py").write_text(raises)
    (folder / "db.py").write_text("SCALE = 1.0\n")
    (folder / "reports.py").write_text("def zero():\n    return 0.0\n")
    (folder / "gate.py").write_text(GATE)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Mine")
    return folder


IMPORT_ALL = """
import importlib
import sys

for name in sys.argv[1:]:
    importlib.import_module(name)
import attnctl

assert callable(attnctl.load)
assert callable(attnctl.attach)
print(attnctl.__file__)
"""


def test_names_of_users_files_shadow_no_module(installed: Environment, project: Path) -> None:
    files = [name.removesuffix(".py") for name in files_of_the_package() if name.endswith(".py")]
    files = [file.removesuffix("/__init__") for file in files if not file.endswith("__main__")]
    modules = sorted(file.replace("/", ".") for file in files)
    assert {"attnctl.jobs.worker", "attnctl.db", "attnctl.reports.report"} <= set(modules)
    out = run(installed.python, "-c", IMPORT_ALL, *modules, cwd=project, PYTHONPATH=".")
    assert out.strip() == str(installed.packages / "attnctl/__init__.py")


@pytest.mark.parametrize("path", ["", "."])
@pytest.mark.parametrize("start", ["attnctl", "python -m attnctl"])
def test_the_command_starts_beside_such_names(installed: Environment, project: Path, start: str, path: str) -> None:
    words = [installed.command] if start == "attnctl" else [installed.python, "-m", "attnctl"]
    assert run(*words, "--version", cwd=project, PYTHONPATH=path).split()[-1] == attnctl.__version__
    assert "ela" in run(*words, "modules", cwd=project, PYTHONPATH=path)


def test_a_sweep_from_such_a_folder_completes(installed: Environment, project: Path) -> None:
    words = [installed.python, "-m", "attnctl"]
    swept = json.loads(run(*words, "sweep", "./gate.py:Gate", *SMALL, "--json", cwd=project, PYTHONPATH="."))
    assert [item["state"] for item in swept["runs"]] == ["completed"]
    assert "Gate" in run(*words, "report", swept["sweep"], cwd=project, PYTHONPATH=".")
    (machine,) = (project / "runs").rglob("env.json")
    assert json.loads(machine.read_text())["code"] == {
        "digest": None,
        "version": attnctl.__version__,
        "tree": str(installed.packages),
        "commit": None,
        "patch": None,
        "untracked": [],
    }
    assert not (project / "code").exists(), "an installed wheel is named by its version"
