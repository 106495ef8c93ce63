"""Sizes in pixels, and numbers of regions, that go with the size of the images."""

from __future__ import annotations

from attnctl.models import pyramid


def test_sizes_go_with_the_images() -> None:
    """At 800 pixels torchvision's anchors, sides and numbers of regions; at an eighth of it an eighth."""
    whole, eighth = pyramid.Scale(0), pyramid.Scale(100)
    assert whole.sides == (800, 1333)
    assert eighth.sides == (100, 167)
    assert whole.anchors().sizes == ((32,), (64,), (128,), (256,), (512,))
    assert eighth.anchors().sizes == ((4,), (8,), (16,), (32,), (64,))
    assert (whole.sampled, eighth.sampled, pyramid.Scale(1600).sampled) == (512, 64, 512)
    assert (whole.proposals()._post_nms_top_n, eighth.proposals()._post_nms_top_n) == (
        {"training": 2000, "testing": 1000},
        {"training": 250, "testing": 125},
    )
