"""Answers kept in the user's cache folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import user_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
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
    file.parent.mkdir(parents=True)
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
