"""Images in squares."""

from __future__ import annotations

import pytest
import torch

from attnctl.models.letterbox import GREY, Letterbox
from attnctl.values import SpecError


def test_each_image_keeps_its_shape_at_the_top_left_of_grey() -> None:
    images = [torch.ones(3, 100, 200), torch.zeros(3, 32, 16), torch.full((3, 7, 700), 0.25)]
    batch, factors = Letterbox(64)(images)
    assert batch.shape == (3, 3, 64, 64)
    assert factors == [0.32, 2, 64 / 700]
    first, second, third = batch
    assert first[:, :32].allclose(torch.tensor(1.0))
    assert first[:, 32:].eq(GREY).all()
    assert second[:, :, :32].eq(0).all()
    assert second[:, :, 32:].eq(GREY).all()
    assert third[:, :1].allclose(torch.tensor(0.25))  # less than a pixel high: one
    assert third[:, 1:].eq(GREY).all()


def test_an_image_that_fits_is_not_touched() -> None:
    image = torch.rand(3, 64, 64)
    batch, factors = Letterbox(64)([image])
    assert torch.equal(batch[0], image)
    assert factors == [1]


def test_sizes_are_drawn_while_training_from_torchs_generator() -> None:
    box = Letterbox(64)
    box.min_size = (32, 64, 96)

    def sides(seed: int) -> list[int]:
        torch.manual_seed(seed)
        return [box([torch.zeros(3, 5, 5)])[0].shape[-1] for _ in range(12)]

    drawn = sides(1)
    assert set(drawn) == {32, 64, 96}
    assert sides(1) == drawn
    assert sides(2) != drawn
    assert box.eval()([torch.zeros(3, 5, 5)])[0].shape == (1, 3, 96, 96)


def test_no_size_is_drawn_for_a_single_size_or_in_evaluation() -> None:
    several = Letterbox(64).eval()
    several.min_size = (32, 64)
    state = torch.get_rng_state()
    for box in (Letterbox(64), several):
        assert box([torch.zeros(3, 5, 5)])[0].shape[-1] == 64
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("size", [0, 16, 100])
def test_sides_that_the_maps_do_not_divide_are_refused(size: int) -> None:
    with pytest.raises(SpecError, match=f"the input size is {size} pixels; it must be a multiple of 32"):
        Letterbox(size)
    box = Letterbox(64)
    with pytest.raises(SpecError, match=f"the input size is {size} pixels"):
        box.min_size = (64, size)
    assert box.min_size == (64,)
