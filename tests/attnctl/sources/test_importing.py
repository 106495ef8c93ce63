"""Users' files are run without shadowing anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from attnctl import sources
from tests.attnctl.sources.local_files import MINE, load, write


def test_a_users_file_shadows_no_module_and_its_folder_is_not_on_the_path(tmp_path: Path) -> None:
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


def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    first = sources.read(write(tmp_path, a__mine=MINE, a__helpers="ONE = 1"))
    second = sources.read(write(tmp_path, b__mine=MINE, b__helpers="ONE = 10"))
    assert (load(first).X, load(second).X, load(first).X) == (2, 11, 2)
