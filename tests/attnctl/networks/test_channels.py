"""The table of what planning knows of networks."""

from __future__ import annotations

import pytest

from attnctl import backbones
from attnctl.networks import channels
from tests.attnctl.backbones.built import BUILT


@pytest.mark.parametrize("name", BUILT)
def test_the_channels_file_matches_the_network(name: str) -> None:
    """After a change of a backbone or a placement: python -m attnctl.networks.channels."""
    assert channels.measured(name) == {
        place: list(backbones.channels(name, place)) for place in backbones.describe(name).placements
    }


def test_the_channels_of_every_backbone_are_in_the_file() -> None:
    assert all(
        "block" in backbones.placements(name) and backbones.channels(name, "block") for name in backbones.names()
    )
