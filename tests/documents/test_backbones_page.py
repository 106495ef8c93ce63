"""docs/backbones.md: its tables have every placement and every backbone, with the present sizes."""

from __future__ import annotations

import re
from pathlib import Path

from attnctl import backbones
from attnctl.networks.plain_counts import plain_counts

PAGE = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8")


def test_the_table_of_placements_has_every_family_with_the_present_words() -> None:
    families = ["any", *dict.fromkeys(backbones.describe(name).family for name in backbones.names())]
    rows = [
        (family, place.name, f"in place of {place.where}" if place.replaces else place.where)
        for family in families
        for place in backbones.family_places(family).values()
    ]
    assert re.findall(r"^\| (\w+) \| `([^`]+)` \| (.+) \|$", PAGE, re.M) == rows


def test_the_table_has_every_backbone_with_its_places() -> None:
    rows = {
        row[0]: row[1:]
        for row in re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+)[^|]* \| ([\d,]+) \| [\d.]+ \| (.+) \|$", PAGE, re.M)
    }
    assert list(rows) == list(backbones.names())
    for name, (side, smallest, parameters, places) in rows.items():
        backbone, kept = backbones.describe(name), plain_counts(name)
        assert (int(side), int(smallest)) == (backbone.input, backbone.smallest)
        assert kept is not None
        classes = 10 if backbone.input == 32 else 1000
        assert (int(parameters.replace(",", "")) - kept.parameters) % (classes - 80) == 0
        named = {place: len(backbones.channels(name, place)) for place in backbone.placements if place != "norms"}
        assert {place: int(count) for place, count in re.findall(r"`([^`]+)` (\d+) of", places)} == named
