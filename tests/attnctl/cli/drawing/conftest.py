"""Networks that were really trained, to look into."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.drawing import trained_networks
from attnctl.jobs.inspect.load import Trained
from attnctl.settings.config import Config, find


@pytest.fixture
def config(paper_networks: Path) -> Config:
    return find(paper_networks, paper_networks, {})


@pytest.fixture
def networks(config: Config) -> list[Trained]:
    """The plain network and one with attention."""
    found = trained_networks.trained(config, ["gates"], "cpu", limit=6)
    return sorted(found, key=lambda network: network.spec.module != "none")
