"""MobileNeXt."""

from __future__ import annotations

from attnctl import backbones
from attnctl.backbones.mobilenext import FullBlock


def test_mobilenext_has_the_blocks_that_its_counts_prove() -> None:
    full = [
        block
        for block in backbones.build("mobilenext", 10).get_submodule("features").children()
        if isinstance(block, FullBlock)
    ]
    assert len(full) == 15
    assert [block.residual for block in full].count(False) == 3
    assert len(backbones.channels("mobilenext", "second-depthwise")) == 18
