"""The inference speeds that papers printed."""

from __future__ import annotations

import pytest

from attnctl.papers.speeds import published


@pytest.mark.parametrize(
    ("module", "backbone", "relative"),
    [
        ("ean", "resnet50", "0.68 (EAN 3, EAN-R50)"),
        ("ca", "mobilenext", "0.48 (EAN 3, CA-MX)"),
        ("se", "mobilenet_v2", "0.67 (EAN 3, SE-MV2)"),
        ("none", "resnet50", "1.00 (EAN 3, ResNet50(R50))"),
    ],
)
def test_a_printed_speed_is_relative_to_the_plain_backbone_with_its_source(
    module: str, backbone: str, relative: str
) -> None:
    found = published(module, backbone, "imagenet")
    assert found is not None
    assert found.relative == relative


def test_the_figures_are_the_papers() -> None:
    found = published("pdfam", "mobilenext", "imagenet")
    assert found is not None
    assert (found.fps, found.baseline) == (64.0, 115.0)


@pytest.mark.parametrize(
    ("module", "backbone", "dataset"),
    [("ela", "resnet50", "imagenet"), ("ean", "resnet50", "cifar100"), ("ean", "resnet20", "imagenet")],
)
def test_a_speed_that_no_paper_printed_is_none(module: str, backbone: str, dataset: str) -> None:
    assert published(module, backbone, dataset) is None
