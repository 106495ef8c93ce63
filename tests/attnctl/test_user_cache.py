"""Answers kept in the user's cache folder."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from attnctl import user_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    user_cache._usable.cache_clear()
    return tmp_path / "attnctl"


def test_an_answer_is_read_back_under_its_kind_and_key(cache: Path) -> None:
    assert user_cache.read("networks", "a") is None
    user_cache.write("networks", "a", {"parts": [1, 2], "empty": {}})
    assert user_cache.read("networks", "a") == {"parts": [1, 2], "empty": {}}
    assert user_cache.read("networks", "b") is None
    assert user_cache.read("probes", "a") is None
    assert [path.name for path in (cache / "networks").iterdir()] == ["a.json"]


@pytest.mark.parametrize("text", ["", "{torn", "[]", "null", b"\xff"])
def test_a_damaged_cache_file_is_ignored_and_rewritten(cache: Path, text: str | bytes) -> None:
    file = cache / "networks" / "a.json"
    cache.mkdir(mode=0o700)
    file.parent.mkdir()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert user_cache.read("networks", "a") is None
    user_cache.write("networks", "a", {"parts": []})
    assert user_cache.read("networks", "a") == {"parts": []}


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    user_cache.write("networks", "a", {})
    assert user_cache.read("networks", "a") is None


def test_a_key_moves_with_every_part_and_with_the_contents_of_files(tmp_path: Path) -> None:
    keys = {
        user_cache.key_of(*parts) for parts in ([], [1], ["1"], [1, 2], [2, 1], [[1, 2]], [{"a": 1}], [{"a": None}])
    }
    assert len(keys) == 8
    assert user_cache.key_of({"a": 1, "b": 2}) == user_cache.key_of({"b": 2, "a": 1})
    (tmp_path / "one").write_text("1")
    before = user_cache.digest_of([tmp_path / "one"])
    (tmp_path / "one").write_text("2")
    assert user_cache.digest_of([tmp_path / "one"]) != before


def test_a_library_that_is_not_installed_has_an_empty_version() -> None:
    found = user_cache.library_versions()
    assert found["torch"]
    assert found["torchvision"]
    assert set(found) == {"torch", "torchvision", "timm"}


NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away, and act as another user")


def prepare(kind: str, cache: Path, home: Path) -> None:
    """What another user can put in the place of the cache folder."""
    home.mkdir(mode=0o700)
    if "link" in kind:
        cache.symlink_to(home)
    elif "FIFO" in kind:
        os.mkfifo(cache)
    else:
        cache.mkdir()
        cache.chmod(0o700 if "closed" in kind else 0o777)
        (cache / "networks").mkdir(mode=0o777)
        (cache / "networks" / "a.json").write_text('{"parts": ["forged"]}')
    if not kind.startswith("your"):
        os.chown(cache, NOBODY, NOBODY, follow_symlinks=False)


@ROOT_ONLY
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("a folder", "this folder belongs to another user"),
        ("a closed folder", "this folder belongs to another user"),
        ("a link to your own folder", "this is a symbolic link"),
        ("a FIFO", "Not a directory"),
        ("your own folder that others can write", "others can write into this folder"),
    ],
)
def test_a_cache_folder_that_somebody_else_prepared_is_passed_by_in_one_line(
    kind: str, words: str, cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(kind, cache, tmp_path / "home")
    before = sorted(tmp_path.rglob("*"))
    with caplog.at_level(logging.WARNING):
        assert user_cache.read("networks", "a") is None
        user_cache.write("networks", "b", {})
        assert user_cache.read("networks", "b") is None
    assert sorted(tmp_path.rglob("*")) == before
    advice = "so nothing is cached; delete it, or set XDG_CACHE_HOME to a folder of your own"
    assert caplog.messages == [f"{cache}: {words}, {advice}"]


AS_NOBODY = """
import os
from attnctl import user_cache
user_cache.folder()  # imports what the other user cannot read in root's home
os.setgroups([]); os.setgid(65534); os.setuid(65534)
user_cache.write("networks", "a", {"parts": []})
print(user_cache.read("networks", "a"))
"""


def as_nobody(cwd: Path, cache_home: Path) -> subprocess.CompletedProcess[str]:
    """Another user writes an answer into the cache folder and reads it."""
    environ = {**os.environ, "XDG_CACHE_HOME": str(cache_home), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", AS_NOBODY]
    return subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, check=True)


@ROOT_ONLY
def test_two_users_with_the_same_cache_folder_in_a_shared_place_share_nothing(tmp_path: Path) -> None:
    base = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(base) and folder != base:
            folder.chmod(0o755)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    done = as_nobody(Path("/"), shared)
    assert (done.stdout, done.stderr) == ("{'parts': []}\n", "")
    assert (shared / "attnctl").stat().st_uid == NOBODY
    assert (shared / "attnctl").stat().st_mode & 0o777 == 0o700
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared))
        assert user_cache.read("networks", "a") is None
        user_cache.write("networks", "b", {})
    assert [path.name for path in (shared / "attnctl" / "networks").iterdir()] == ["a.json"]


WITHOUT_HOME = """
import os
from attnctl import user_cache
user_cache.folder()
os.environ.pop("HOME", None); os.environ.pop("XDG_CACHE_HOME", None)
os.setgroups([]); os.setgid(54321); os.setuid(54321)
user_cache.write("networks", "a", {"parts": []})
print(user_cache.read("networks", "a"))
"""


@ROOT_ONLY
def test_a_user_without_a_home_folder_caches_nothing_in_the_current_folder(tmp_path: Path) -> None:
    """platformdirs then returns `~/.cache`, which is below the current folder."""
    tmp_path.chmod(0o777)
    command = [sys.executable, "-c", WITHOUT_HOME]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("None\n", "")
    assert not list(tmp_path.iterdir())
