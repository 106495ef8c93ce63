"""The sizes of plain networks that are known without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from attnctl.networks import plain_counts


@pytest.mark.parametrize(
    ("backbone", "model"), [("resnet20", ""), ("mobilenet_v2", ""), ("mobilenet_v2", "ssdlite320")]
)
def test_the_file_matches_the_network(backbone: str, model: str) -> None:
    """After a change of a backbone or a model: python -m attnctl.networks.plain_counts."""
    kept, counted = plain_counts.plain_counts(backbone, model), plain_counts.measured(backbone, model)
    assert kept is not None
    assert kept.activation_bytes == pytest.approx(counted.activation_bytes, rel=0.01), "a detector's boxes are random"
    assert replace(kept, activation_bytes=0) == replace(counted, activation_bytes=0)


def test_the_file_has_every_network_of_ours() -> None:
    missing = [pair for pair in plain_counts.networks() if plain_counts.plain_counts(*pair) is None]
    assert missing == []
    assert plain_counts.plain_counts("./net.py:build") is None


def test_the_work_grows_with_the_area_of_the_input() -> None:
    usual = plain_counts.plain_counts("resnet50")
    assert usual is not None
    assert usual.at(usual.side) == usual
    assert usual.at(2 * usual.side).macs == 4 * usual.macs
    assert usual.at(2 * usual.side).parameters == usual.parameters


def test_reading_it_needs_no_torch() -> None:
    code = "import sys, attnctl.cost; from attnctl.networks import plain_counts as p; p.plain_counts('resnet20'); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
