"""What a network costs: found once, and kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attnctl.networks.complexity import Cell, cell, counts, kept, parameters
from attnctl.values import SpecError

SE = cell("se", {}, "resnet20", "block", "cifar10")


def test_parameters_and_counts_agree_and_attention_adds_its_own() -> None:
    found, plain = counts(SE, memory=False), counts(SE.plain, memory=False)
    assert plain.parameters == 272_474
    assert parameters(SE) == found.parameters > plain.parameters
    assert found.macs > plain.macs


def test_counts_are_cached_and_then_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    found = counts(SE)
    assert found.activation_bytes is not None
    assert kept.read(kept.key(SE)) == found
    monkeypatch.setitem(sys.modules, "attnctl.networks.complexity.build", None)
    assert counts(SE) == found
    assert counts(SE, memory=False) == found
    assert parameters(SE) == found.parameters


def test_counts_without_memory_are_repeated_when_memory_is_needed() -> None:
    assert counts(SE, memory=False).activation_bytes is None
    assert counts(SE).activation_bytes is not None


def test_nothing_is_cached_if_keep_is_false(tmp_path: Path) -> None:
    counts(SE, memory=False, keep=False)
    assert kept.read(kept.key(SE)) is None


def test_a_module_that_does_not_fit_is_reported_with_its_own_message() -> None:
    alone = Cell(module="sa", hyperparameters=(("G", 64),), size=7, channels=16)
    for count in (counts, parameters):
        with pytest.raises(SpecError, match="2 \\* G"):
            count(alone)
