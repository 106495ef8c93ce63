"""Which files a user's file imports, and what is read of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import sources
from attnctl.values import SpecError
from tests.attnctl.sources.local_files import MINE, load, write


def test_an_import_that_is_edited_counts_and_one_that_is_not_imported_does_not(tmp_path: Path) -> None:
    mine = write(tmp_path, mine=MINE, helpers="ONE = 1\n", other="")
    before = sources.read(mine)
    write(tmp_path, other="changed = 1\n")
    assert sources.read(mine).version == before.version
    write(tmp_path, helpers="ONE = 2  # more\n")
    assert sources.read(mine).version != before.version
    write(tmp_path, helpers="ONE = 1\n\n# as it was\n")
    assert sources.read(mine).version == before.version


def test_local_imports_of_every_form_are_followed(tmp_path: Path) -> None:
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


def test_a_projects_folders_are_found_from_subfolders(tmp_path: Path) -> None:
    mine = write(tmp_path, nets__mine="from utils.parts import P", utils__parts="P = 1", utils__INIT="")
    assert sorted(sources.read(mine).files) == ["mine.py"]
    (tmp_path / "pyproject.toml").touch()
    write(tmp_path, nets__mine="from utils.parts import P\n")
    source = sources.read(mine)
    assert sorted(source.files) == ["nets/mine.py", "utils/__init__.py", "utils/parts.py"]
    assert load(source).P == 1


def test_an_import_above_the_project_is_refused_with_its_line(tmp_path: Path) -> None:
    mine = write(tmp_path, nets__mine="import os\nfrom ..utils import P\n", utils="P = 1")
    with pytest.raises(SpecError, match=r"mine.py:2: `from ..utils import P` imports from above"):
        sources.read(mine)


def test_invalid_python_is_reported_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"mine.py:2: this is not Python"):
        sources.read(write(tmp_path, mine="x = 1\ndef f(:\n"))
