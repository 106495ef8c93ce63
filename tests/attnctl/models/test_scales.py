"""Sizes that detectors resize their images to, from the recipe."""

from typing import Any, cast

import pytest
import torch

from attnctl import backbones, models
from attnctl.models.scales import rescale
from attnctl.values import SpecError
from tests.jobs.training.small_detectors import detector


def test_scales_are_the_transform_s_sides() -> None:
    network = detector()
    rescale(network, (48, 64, 80), 100)
    transform = cast(Any, network.transform)
    assert (transform.min_size, transform.max_size) == ((48, 64, 80), 100)
    network.train()
    target = {"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.ones(1, dtype=torch.int64)}
    sizes = set()
    for seed in range(12):
        torch.manual_seed(seed)
        sizes.add(transform([torch.rand(3, 60, 60)], [target])[0].image_sizes[0])
    assert sizes == {(48, 48), (64, 64), (80, 80)}
    assert transform.eval()([torch.rand(3, 60, 60)])[0].image_sizes == [(80, 80)]


def test_a_model_with_one_image_size_refuses_several() -> None:
    single = models.build("ssdlite320", backbones.build("mobilenet_v2", 10), 10)
    with pytest.raises(SpecError, match="min_sizes does not apply to this model"):
        rescale(single, (48, 64), 0)
    with pytest.raises(SpecError, match="max_size does not apply to this model"):
        rescale(models.build("yolox_nano", backbones.build("cspdarknet_nano", 10), 10), (), 800)
