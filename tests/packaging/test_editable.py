"""An editable installation, as `make demo` makes it in a clone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import attnctl
from tests.packaging.builds import DESCRIBE, FOLDERS, Environment, git, run

LOAD = "import attnctl; assert callable(attnctl.load); print(attnctl.__file__)"
FIND = "import importlib.util, sys; print([name for name in sys.argv[1:] if importlib.util.find_spec(name)])"


@pytest.mark.parametrize("path", ["", "."])
def test_an_editable_install_is_found_from_the_folder_above_the_clone(editable: Environment, path: str) -> None:
    """Whose folder `attnctl`, the clone, would be a package too if no other were found before it."""
    above = editable.folder.parents[1]
    assert (above / "attnctl/jobs").is_dir()
    found = run(editable.python, "-c", LOAD, cwd=above, PYTHONPATH=path).strip()
    assert Path(found).samefile(above / "attnctl/attnctl/__init__.py")
    for words in ([editable.command], [editable.python, "-m", "attnctl"]):
        assert run(*words, "--version", cwd=above, PYTHONPATH=path).split()[-1] == attnctl.__version__


def test_it_brings_one_name(editable: Environment, tmp_path: Path) -> None:
    names = [*FOLDERS, "tests", "benchmarks", "examples"]
    assert run(editable.python, "-c", FIND, *names, cwd=tmp_path).strip() == "['attnctl']"


def test_a_run_records_its_commit_and_its_changes(editable: Environment, tmp_path: Path) -> None:
    clone = editable.folder.parent
    described = json.loads(run(editable.python, "-c", DESCRIBE, cwd=tmp_path))
    assert described["commit"] == git(clone, "rev-parse", "HEAD")
    assert (described["tree"], described["patch"], described["untracked"]) == (str(clone), None, [])
    (clone / "db/new.py").write_text("")
    (clone / "jobs/worker.py").write_text((clone / "jobs/worker.py").read_text() + "# edited\n")
    changed = json.loads(run(editable.python, "-c", DESCRIBE, cwd=tmp_path))
    assert changed["digest"] != described["digest"]
    assert (changed["patch"] is not None, changed["untracked"]) == (True, ["db/new.py"])
    git(clone, "checkout", "--quiet", ".")
    (clone / "db/new.py").unlink()
