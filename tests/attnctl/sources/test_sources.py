"""Users' files: what is local, what counts, what is kept, and that running them shadows nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from attnctl import sources
from attnctl.sources.digest import digest
from attnctl.values import SpecError

MINE = "import helpers\n\nX = helpers.ONE + 1\n"


def write(folder: Path, **files: str) -> Path:
    """Files by name without .py; `__` in a name stands for a folder. Gives the first."""
    paths = [folder / f"{name.replace('__', '/').replace('INIT', '__init__')}.py" for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return paths[0]


def load(source: sources.Source):
    return import_module(sources.import_name(source))


# ----------------------------------------------------------------------------------------------------- what counts


def of(text: str) -> str:
    return digest({"mine.py": ast.parse(text)})


def test_formatting_comments_and_docstrings_do_not_count():
    plain = "class A:\n    def f(self, x=1):\n        return x + 1\n"
    other = (
        '"""Mine."""\n# why\nclass A:\n    """A."""\n\n    def f( self, x = 1 ):\n        "f"\n        return (x\n + 1)'
    )
    assert of(plain) == of(other)


@pytest.mark.parametrize("text", ["x = 1.0", "x = 2", "y = 1", "x = '1'", "x: int = 1", "x = True", "x = -1", "x = 1j"])
def test_what_can_change_a_number_counts(text):
    assert of(text) != of("x = 1")


def test_the_hash_is_the_same_in_every_python():
    """Ids outlive the interpreter: a changed hash would run everything again."""
    text = "from a import b\n@d\nclass A(B):\n    x: int = f'{1}' if b else None\n    def f(self, *a, k=2, **kw): ...\n"
    assert of(text) == "1e88a0dce789f95a"


def test_an_import_that_is_edited_counts_and_one_that_is_not_imported_does_not(tmp_path):
    mine = write(tmp_path, mine=MINE, helpers="ONE = 1\n", other="")
    before = sources.read(mine)
    write(tmp_path, other="changed = 1\n")
    assert sources.read(mine).version == before.version
    write(tmp_path, helpers="ONE = 2  # more\n")
    assert sources.read(mine).version != before.version
    write(tmp_path, helpers="ONE = 1\n\n# as it was\n")
    assert sources.read(mine).version == before.version


# ---------------------------------------------------------------------------------------------------- what is local


def test_local_imports_of_every_form_are_found_and_run(tmp_path):
    mine = write(
        tmp_path,
        mine="import a\nimport p.q\nimport p.q as pq\nimport p.r as r, json\nfrom p import s\nfrom p.q import Q as Q2\n"
        "from . import b\nfrom .c import C\nfrom d import *\n"
        "def late():\n    from e import E\n    return E\n"
        "X = [a.A, p.q.Q, pq.Q, r.R, s.S, Q2, b.B, C, D, late(), json.dumps(1)]\n",
        a="from p.r import R\nA = R - 3",
        p__q="Q = 2",
        p__r="R = 4",
        p__s="S = 5",
        b="B = 6",
        c="C = 7",
        d="D = 8",
        e="E = 9",
        unused="raise SystemExit",
    )
    source = sources.read(mine)
    assert sorted(source.files) == ["a.py", "b.py", "c.py", "d.py", "e.py", "mine.py", "p/q.py", "p/r.py", "p/s.py"]
    assert load(source).X == [1, 2, 2, 4, 5, 2, 6, 7, 8, 9, "1"]


def test_a_projects_folders_are_looked_up_upwards(tmp_path):
    mine = write(tmp_path, nets__mine="from utils.parts import P", utils__parts="P = 1", utils__INIT="")
    assert sorted(sources.read(mine).files) == ["mine.py"]
    (tmp_path / "pyproject.toml").touch()
    write(tmp_path, nets__mine="from utils.parts import P\n")
    source = sources.read(mine)
    assert sorted(source.files) == ["nets/mine.py", "utils/__init__.py", "utils/parts.py"]
    assert load(source).P == 1


def test_an_import_above_the_project_is_refused_with_its_line(tmp_path):
    mine = write(tmp_path, nets__mine="import os\nfrom ..utils import P\n", utils="P = 1")
    with pytest.raises(SpecError, match=r"mine.py:2: `from ..utils import P` reaches above"):
        sources.read(mine)


def test_what_is_not_python_names_its_line(tmp_path):
    with pytest.raises(SpecError, match=r"mine.py:2: this is not Python"):
        sources.read(write(tmp_path, mine="x = 1\ndef f(:\n"))


# ------------------------------------------------------------------------------------------------ shadowing nothing


def test_a_users_file_shadows_nobody_elses_and_its_folder_is_not_on_the_path(tmp_path):
    mine = write(
        tmp_path,
        mine="import db, jobs, random, platform\nX = (db.X, jobs.X, random.X, platform.X)\n",
        db="X = 1",
        jobs="X = 2",
        random="X = 3",
        platform="X = 4",
    )
    code = (
        "import sys; from pathlib import Path; from importlib import import_module; from attnctl import sources\n"
        f"mine = import_module(sources.import_name(sources.read(Path({str(mine)!r}))))\n"
        "import random, platform\n"
        f"assert mine.X == (1, 2, 3, 4) and not any({str(tmp_path)!r} in place for place in sys.path)\n"
        "assert random.random() < 1 and platform.machine()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_of_one_name_do_not_meet(tmp_path):
    first = sources.read(write(tmp_path, a__mine=MINE, a__helpers="ONE = 1"))
    second = sources.read(write(tmp_path, b__mine=MINE, b__helpers="ONE = 10"))
    assert (load(first).X, load(second).X, load(first).X) == (2, 11, 2)


# ---------------------------------------------------------------------------------------------------- what is kept


def test_what_is_kept_is_what_was_read_whatever_becomes_of_the_file(tmp_path):
    mine = write(tmp_path / "home", mine=MINE, helpers="ONE = 1")
    source = sources.read(mine)
    write(tmp_path / "home", mine="X = 0", helpers="")
    folder = tmp_path / "sources"
    for _ in range(2):
        sources.keep(source.version, folder)
    assert [path.name for path in folder.iterdir()] == [source.hash]
    kept = sources.kept(folder, source.version)
    assert (kept.entry, kept.version, kept.origin) == ("mine.py", source.version, mine.parent)
    assert {str(path.suffix) for path in (folder / source.hash).rglob("*")} == {".py", ".json"}


def test_a_kept_file_that_was_changed_or_is_missing_is_refused(tmp_path):
    source = sources.read(write(tmp_path, mine=MINE, helpers="ONE = 1"))
    folder = tmp_path / "sources"
    with pytest.raises(SpecError, match="does not hold the source"):
        sources.kept(folder, source.version)
    sources.keep(source.version, folder)
    (folder / source.hash / "helpers.py").write_text("ONE = 2")
    with pytest.raises(SpecError, match="was changed after it was kept"):
        sources.kept(folder, source.version)
    with pytest.raises(SpecError, match="sweep again from the file"):
        sources.keep("ast:0123456789abcdef", folder)
