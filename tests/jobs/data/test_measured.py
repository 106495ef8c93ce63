"""What is measured of a data set that users' code makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl import sources
from attnctl.jobs.data import measured
from attnctl.sources import isolated, store
from attnctl.values import SpecError
from tests.fixtures import own_items


def answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, test: float | None = None, seed: int = 0
) -> dict[str, Any]:
    version = sources.read(own_items.write(tmp_path / "mine")).version
    work = tmp_path / "work"
    store.keep(version, work / isolated.SOURCES)
    monkeypatch.chdir(tmp_path)
    request = {"code": f"items:{name}", "version": version, "folder": str(tmp_path), "test": test, "seed": seed}
    return measured.answer(request, work)


def test_two_parts_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer(tmp_path, monkeypatch, "make")
    values = found["values"]
    assert (values["classes"], values["names"]) == (3, ("red", "green", "blue"))
    assert (values["train_size"], values["test_size"], values["split"]) == (48, 24, 0.0)
    assert (values["height"], values["width"], values["layout"]) == (32, 32, "imagefolder")
    assert all(0.3 < mean < 0.36 for mean in values["mean"])
    assert found["notes"] == ["its content is known by all labels and images"]


def test_one_part_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = answer(tmp_path, monkeypatch, "one", 0.3, 2)["values"]
    assert (values["train_size"], values["test_size"], values["split"], values["split_seed"]) == (42, 18, 0.3, 2)


def test_a_large_one_is_known_by_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer(tmp_path, monkeypatch, "large")
    assert found["values"]["content"].startswith("sample:")
    assert "all labels and a sample of 256 images of each part" in found["notes"][0]


def test_two_parts_are_not_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="items:make returns two parts, so it is not split"):
        answer(tmp_path, monkeypatch, "make", 0.3)
