"""The table of what planning knows of networks."""

from __future__ import annotations

import pytest

from attnctl import backbones
from attnctl.networks import channels


@pytest.mark.parametrize("name", backbones.names())
def test_the_channels_file_matches_the_network(name: str) -> None:
    """After a change of a backbone or a placement: python -m attnctl.networks.channels."""
    assert channels.measured(name) == {
        place: list(backbones.channels(name, place)) for place in backbones.describe(name).placements
    }
