"""Counts are found once; what is kept never outlives what it was found from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attnctl.networks.complexity import build, cell, counts, kept

CELL = cell("se", {}, "resnet20", "block", "cifar10")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "attnctl" / "complexity"


def test_counts_round_trip_through_json(cache: Path) -> None:
    found = counts(CELL)
    assert [path.name for path in cache.iterdir()] == [f"{kept.key(CELL)}.json"]
    assert kept.read(kept.key(CELL)) == found


def test_stored_counts_need_no_torch(cache: Path) -> None:
    counts(CELL)
    program = (
        "import sys; from attnctl.networks.complexity import cell, counts;"
        "print(counts(cell('se', {}, 'resnet20', 'block', 'cifar10')).parameters, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(counts(CELL).parameters), "False"]


def test_cached_counts_without_activation_memory_are_not_used_when_memory_is_needed() -> None:
    assert counts(CELL, memory=False).activation_bytes is None
    assert counts(CELL).activation_bytes
    assert counts(CELL, memory=False).activation_bytes  # what is known is told


def test_a_damaged_file_is_computed_again(cache: Path) -> None:
    found = counts(CELL)
    (file,) = cache.iterdir()
    for broken in ("", "[]", '{"parameters": 1}', file.read_text()[:-20]):
        file.write_text(broken)
        assert counts(CELL) == found
    assert json.loads(file.read_text())["parameters"] == found.parameters


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert counts(CELL, memory=False).parameters == build.build_and_count(CELL, memory=False).parameters


def test_the_key_moves_with_every_part_of_the_cell_and_with_a_users_source(tmp_path: Path) -> None:
    cells = [
        CELL,
        CELL.plain,
        cell("se", {"r": 8}, "resnet20", "block", "cifar10"),
        cell("se", {}, "resnet20", "stage", "cifar10"),
        cell("se", {}, "resnet20", "block", "cifar100"),
        cell("se", {}, "resnet20", "block", "cifar10", 64),
        cell("se", {}, "resnet56", "block", "cifar10"),
        cell("eca", {}, "resnet20", "block", "cifar10"),
    ]
    assert len({kept.key(what) for what in cells}) == len(cells)
    file = tmp_path / "mine.py"
    head = "from torch import nn\n\n\nclass Mine(nn.Module):\n"
    source = head + "    def __init__(self, channels: int):\n        super().__init__()\n"
    keys = []
    for text in (source, source + "\n# a comment\n", source + "        self.conv = nn.Conv2d(channels, channels, 1)\n"):
        file.write_text(text)
        keys.append(kept.key(cell(f"{file}:Mine", {}, "resnet20", "block", "cifar10")))
    assert keys[0] == keys[1] != keys[2]
