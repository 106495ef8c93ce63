"""The neck and the head of YOLOX-Nano."""

import pytest
import torch

from attnctl.backbones.cspdarknet import CspDarknet
from attnctl.models.yolox_parts import Concatenation, Head, Neck


def test_the_neck_returns_a_map_of_each_stride() -> None:
    body = CspDarknet(classes=3)
    maps = Neck(body).eval()(torch.randn(2, 3, 64, 96))
    assert [tuple(each.shape) for each in maps] == [(2, 64, 8, 12), (2, 128, 4, 6), (2, 256, 2, 3)]


def test_a_concatenation_joins_channels() -> None:
    first, second = torch.randn(1, 2, 4, 4), torch.randn(1, 3, 4, 4)
    joined = Concatenation()(first, second)
    assert joined[:, :2].equal(first)
    assert joined[:, 2:].equal(second)


@pytest.fixture
def head() -> Head:
    torch.manual_seed(0)
    return Head(classes=3).eval()


MAPS = torch.zeros(2, 64, 2, 3), torch.zeros(2, 128, 1, 2), torch.zeros(2, 256, 1, 1)


def test_the_head_speaks_at_each_cell_of_each_map_row_by_row(head: Head) -> None:
    classes, objectness, boxes, points = head(MAPS)
    assert (classes.shape, objectness.shape, boxes.shape) == ((2, 9, 3), (2, 9), (2, 9, 4))
    assert points.strides.tolist() == [8] * 6 + [16] * 2 + [32]
    corners = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1], [0, 0], [1, 0], [0, 0]]
    assert points.corners.tolist() == corners


def test_at_first_each_probability_is_a_hundredth(head: Head) -> None:
    for level in range(3):
        torch.nn.init.zeros_(head.get_parameter(f"cls_preds.{level}.weight"))
        torch.nn.init.zeros_(head.get_parameter(f"obj_preds.{level}.weight"))
    classes, objectness, _, _ = head(MAPS)
    torch.testing.assert_close(classes.sigmoid(), torch.full((2, 9, 3), 0.01))
    torch.testing.assert_close(objectness.sigmoid(), torch.full((2, 9), 0.01))


def test_predictions_are_in_float32(head: Head) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        classes, objectness, boxes, _ = head(MAPS)
    assert {classes.dtype, objectness.dtype, boxes.dtype} == {torch.float32}
