"""The counts that are known beforehand: all that the papers ask for, found by what is counted, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attnctl import attention, backbones, papers
from attnctl.papers import PaperTable, Setup, counts
from attnctl.papers.counts import Count, key, of

OWN = """
name = "Mine"
title = "A paper of one's own"

[tables.1]
caption = "Digits"
backbone = "resnet20"
placement = "block"
dataset = "digits"

[[tables.1.columns]]
key = "params"
title = "Params"
metric = "params"

[[tables.1.columns]]
key = "flops"
title = "FLOPs"
metric = "flops"

[[tables.1.columns]]
key = "top1"
title = "Top-1"
metric = "top1"

[[tables.1.rows]]
row = "plain"

[[tables.1.rows]]
row = "SE"
module = "se"
hyperparameters = { r = 4 }

[[tables.1.rows]]
row = "no such network"
backbone = "resnet21"

[[tables.1.rows]]
row = "detector"
task = "detection"
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PaperTable:
    """A table of a user's paper, whose counts nobody knows yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "mine.toml"
    file.write_text(OWN, encoding="utf-8")
    return papers.load(str(file)).tables["1"]


def test_the_file_contains_exactly_the_counts_of_the_papers() -> None:
    known = json.loads(counts.FILE.read_text(encoding="utf-8"))
    asked = {name for name, _, _ in counts.counted_networks()}
    assert asked == set(known), "the papers have changed: run python -m attnctl.papers.counts"


def test_the_counts_of_all_tables_are_found_without_torch() -> None:
    program = """
import sys
from attnctl import papers
from attnctl.papers import counts
tables = [table for name in papers.names() for table in papers.load(name).tables.values()]
cells = [(row.setup_of(column), column) for table in tables for row in table.rows for column in table.columns]
print(sum(counts.of(setup, column) is not None for setup, column in cells), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found, torch = done.stdout.split()
    assert int(found) > 300
    assert torch == "False"


def test_a_count_is_given_by_the_papers_convention_and_exactly() -> None:
    table = papers.load("ean").tables["3"]
    (row,) = [row for row in table.rows if row.name == "PdfAM-R50"]
    params, flops, *_ = table.columns
    assert of(row.setup, params) == Count(counted=25_557_032, exact=25_602_344, convention="thop-0.1")
    assert of(row.setup, flops) == Count(counted=4_111_514_624, exact=4_089_184_256, convention="thop-0.0.31")


def test_a_users_rows_are_counted_on_demand(own: PaperTable) -> None:
    plain, se, unknown, waiting = own.rows
    params, flops, top1 = own.columns
    whole = sum(parameter.numel() for parameter in backbones.build("resnet20", 10).parameters())
    assert of(plain.setup, params) == Count(counted=whole, exact=whole, convention="exact")
    counted = of(se.setup, params)
    assert counted is not None
    # two layers of C * C/4 weights, without biases, behind each of three blocks of 16, 32 and 64 channels
    assert counted.exact == whole + 3 * sum(2 * width * width // 4 for width in (16, 32, 64))
    assert of(plain.setup, flops) == counts.measure(plain.setup, flops, keep=False)
    for nothing in (of(plain.setup, top1), of(unknown.setup, params), of(waiting.setup, params)):
        assert nothing is None


@pytest.mark.parametrize(
    "change",
    [
        {"hyperparameters": {"G": 16}},
        {"placement": "stage"},
        {"backbone": "resnet101_cifar"},
        {"dataset": "cifar10"},
        {"params_as": "exact"},
        {"written": {"pools": True}},
        {"head": True},
    ],
    ids=str,
)
def test_a_changed_row_does_not_find_the_count_of_the_old_one(change: dict[str, Any]) -> None:
    table = papers.load("ean").tables["2"]
    (row,) = [row for row in table.rows if row.name == "ResNet50+EAN"]
    params = table.columns[0]
    assert key(replace(row.setup, **change), params) != key(row.setup, params)
    assert key(replace(row.setup, recipe="digits", train={"lr": (0.2,)}), params) == key(row.setup, params)


def test_another_version_of_a_module_does_not_find_the_count_of_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(module="se", backbone="resnet20", placement="block", dataset="digits")
    (params, *_) = papers.load("ean").tables["1"].columns
    before = key(setup, params)
    newer = replace(attention.describe("se"), version="2")
    monkeypatch.setattr(attention, "describe", lambda _: newer)
    assert key(setup, params) == before.replace("se 1", "se 2")
