"""Users' files are kept as they were read."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

from attnctl import sources
from attnctl.values import SpecError
from tests.attnctl.sources.local_files import MINE, write


def test_the_stored_copy_is_the_text_that_was_read(tmp_path: Path) -> None:
    mine = write(tmp_path / "home", mine=MINE, helpers="ONE = 1")
    source = sources.read(mine)
    write(tmp_path / "home", mine="X = 0", helpers="")
    folder = tmp_path / "sources"
    for _ in range(2):
        sources.keep(source.version, folder)
    assert [path.name for path in folder.iterdir()] == [source.hash]
    kept = sources.load(folder, source.version)
    assert (kept.entry, kept.version, kept.origin) == ("mine.py", source.version, mine.parent)
    assert {str(path.suffix) for path in (folder / source.hash).rglob("*")} == {".py", ".json"}


def test_absolute_imports_within_a_project_are_found_in_the_stored_copy(tmp_path: Path) -> None:
    """Also if all files are in one folder of the project, whose name the imports begin with."""
    nets = tmp_path / "project" / "nets"
    nets.mkdir(parents=True)
    (tmp_path / "project" / "attnctl.toml").touch()
    for name, text in (
        ("__init__", ""),
        ("parts", "ONE = 1"),
        ("gate", "from nets.parts import ONE\nimport nets.parts"),
    ):
        (nets / f"{name}.py").write_text(text)
    source = sources.read(nets / "gate.py")
    folder = tmp_path / "sources"
    sources.keep(source.version, folder)
    kept = sources.load(folder, source.version)
    assert (kept.version, kept.entry, sorted(kept.files)) == (
        source.version,
        "nets/gate.py",
        ["nets/__init__.py", "nets/gate.py", "nets/parts.py"],
    )
    assert import_module(sources.import_name(kept)).ONE == 1


def test_a_stored_file_that_was_changed_or_is_missing_is_refused(tmp_path: Path) -> None:
    source = sources.read(write(tmp_path, mine=MINE, helpers="ONE = 1"))
    folder = tmp_path / "sources"
    with pytest.raises(SpecError, match="does not hold the source"):
        sources.load(folder, source.version)
    sources.keep(source.version, folder)
    (folder / source.hash / "helpers.py").write_text("ONE = 2")
    with pytest.raises(SpecError, match="was changed after it was stored"):
        sources.load(folder, source.version)
    with pytest.raises(SpecError, match="sweep again from the file"):
        sources.keep("ast:0123456789abcdef", folder)


@pytest.mark.parametrize(
    "name", ["sitecustomize.py", "__pycache__/mine.cpython-311.pyc", "mine.pyc", ".hidden", "torch.py"]
)
def test_a_foreign_entry_beside_a_stored_file_is_refused(name: str, tmp_path: Path) -> None:
    source = sources.read(write(tmp_path / "home", mine=MINE, helpers="ONE = 1"))
    folder = tmp_path / "sources"
    sources.keep(source.version, folder)
    assert sources.load(folder, source.version).version == source.version
    path = folder / source.hash / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("print('EVIL')")
    with pytest.raises(SpecError, match="is not part of the stored source; delete it"):
        sources.load(folder, source.version)


def test_a_stored_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    source = sources.read(write(tmp_path / "home", mine=MINE, helpers="ONE = 1"))
    folder = tmp_path / "sources"
    sources.keep(source.version, folder)
    stored = folder / source.hash / "helpers.py"
    stored.rename(tmp_path / "elsewhere.py")
    stored.symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(SpecError, match=r"helpers\.py is not part of the stored source"):
        sources.load(folder, source.version)


def test_a_class_has_a_version_of_its_own_that_is_kept_and_loaded(tmp_path: Path) -> None:
    text = f"{MINE}\n\nclass Mine:\n    number = X\n\n\nclass Other:\n    number = 1\n"
    file = write(tmp_path / "home", mine=text, helpers="ONE = 1")
    whole = sources.read(file)
    source = sources.narrowed(whole, "Mine")
    assert source.version != whole.version
    folder = tmp_path / "sources"
    sources.keep(source.version, folder)
    kept = sources.load(folder, source.version)
    assert (kept.version, kept.attribute, kept.files) == (source.version, "Mine", source.files)
    assert sources.narrowed(kept, "Mine") is kept
    assert sources.file_of(folder, source.version) == str(file)
    assert sources.file_of(folder, "ast:0123456789abcdef") == ""
    file.write_text(text.replace("number = 1", "number = 2"))
    assert sources.narrowed(sources.read(file), "Mine").version == source.version
    file.write_text(text.replace("class Other", "def more():\n    pass\n\n\nclass Other"))
    assert sources.narrowed(sources.read(file), "Mine").version == source.version
    assert sources.narrowed(sources.read(file), "Other").version != source.version


READ_AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from attnctl import sources
from attnctl.values import SpecError
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    sources.load(Path(sys.argv[1]), sys.argv[2])
except SpecError as error:
    print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("closed", ["folder", "source", "file"])
def test_a_source_that_a_colleague_may_not_read_is_told_with_whom_to_ask(closed: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        folder = Path(top) / "sources"
        source = sources.read(write(Path(top) / "home", mine=MINE, helpers="ONE = 1"))
        sources.keep(source.version, folder)
        Path(top).chmod(0o755)
        stored = folder / source.hash
        {"folder": folder, "source": stored, "file": stored / "mine.py"}[closed].chmod(
            0o700 if closed != "file" else 0o600
        )
        command = [sys.executable, "-c", READ_AS_ANOTHER_USER, str(folder), source.version]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    blocked = folder if closed == "folder" else stored
    assert told.stdout == (
        f"you may not read the stored source {stored}: ask root to run chmod -R g+rX {blocked}, or to share the "
        "workspace ([paths] group = true in attnctl.toml)\n"
    ), told.stderr
