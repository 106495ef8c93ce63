from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnctl.datasets import fingerprint
from attnctl.datasets.fingerprint import content, data_file, signature
from attnctl.values import SpecError


def test_the_content_is_names_and_bytes_and_the_signature_sees_times(tmp_path: Path) -> None:
    path = tmp_path / "a" / "1.txt"
    path.parent.mkdir()
    path.write_bytes(b"one")
    before = [data_file(tmp_path, path)]
    digest = content(before).text
    assert digest.startswith("sha256:")
    os.utime(path, (1, 1))
    after = [data_file(tmp_path, path)]
    assert signature(after) != signature(before)
    assert content(after).text == digest
    path.write_bytes(b"two")
    assert content([data_file(tmp_path, path)]).text != digest
    path.write_bytes(b"one")
    moved = path.rename(tmp_path / "a" / "2.txt")
    assert content([data_file(tmp_path, moved)]).text != digest


def test_of_large_data_names_sizes_times_and_a_sample_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "WHOLE_BYTES", 10)
    paths = [tmp_path / f"{k:03}" for k in range(600)]
    for path in paths:
        path.write_bytes(b"some bytes")
        os.utime(path, (1, 1))
    digest = content([data_file(tmp_path, path) for path in paths]).text
    assert digest.startswith("sample:")
    paths[1].write_bytes(b"same bytes")  # not in the sample
    os.utime(paths[1], (1, 1))
    assert content([data_file(tmp_path, path) for path in paths]).text == digest
    os.utime(paths[1], (2, 2))
    assert content([data_file(tmp_path, path) for path in paths]).text != digest


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="gone cannot be read: No such file"):
        data_file(tmp_path, tmp_path / "gone")
    with pytest.raises(SpecError, match="is not a file"):
        data_file(tmp_path, tmp_path)
    path = tmp_path / "1"
    path.touch()
    item = data_file(tmp_path, path)
    path.unlink()
    with pytest.raises(SpecError, match="1 cannot be read"):
        content([item])
