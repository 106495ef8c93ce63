"""SimOTA against cases worked out by hand, and against the rule written as loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional
from torchvision.ops import box_iou

from attnctl.models.simota import Points, assign


def grid(side: int = 4, stride: int = 8) -> Points:
    cells = torch.cartesian_prod(torch.arange(side), torch.arange(side)).flip(1).double()
    return Points(cells, torch.full((side * side,), float(stride), dtype=torch.float64))


def nothing(points: Points) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Predictions of boxes far away, of two classes that are as likely as not."""
    count = len(points.strides)
    far = torch.tensor([500.0, 500, 510, 510], dtype=torch.float64).repeat(count, 1)
    return torch.zeros(count, 2, dtype=torch.float64), torch.zeros(count, dtype=torch.float64), far


def boxes(*rows: list[int]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def chosen(
    points: Points,
    classes: torch.Tensor,
    objectness: torch.Tensor,
    predicted: torch.Tensor,
    wanted: torch.Tensor,
    *labels: int,
) -> tuple[list[int], list[int], list[float]]:
    found = assign(points, classes, objectness, predicted, wanted, torch.tensor(labels))
    return found.points.tolist(), found.boxes.tolist(), found.overlaps.tolist()


def test_encoding_and_decoding_a_box_are_inverse() -> None:
    points = grid()
    torch.testing.assert_close(points.centres[6], torch.tensor([20.0, 12]).double())
    assert points.decode(torch.tensor([[0.5, 0.5, 0, 0]]).double().repeat(16, 1))[6].tolist() == [16, 8, 24, 16]
    wanted = torch.rand(16, 2).double() * 20
    wanted = torch.cat((wanted, wanted + 1 + torch.rand(16, 2) * 30), 1)
    torch.testing.assert_close(points.decode(points.encode(wanted)), wanted)
    torch.testing.assert_close(points.subset(torch.tensor([6])).decode(points.encode(wanted)[6:7]), wanted[6:7])


def test_the_number_of_points_per_box_is_the_sum_of_its_best_overlaps() -> None:
    """Around (12, 12) there are 3x3 points; two of them say the very box: the sum of overlaps is 2."""
    points = grid()
    classes, objectness, predicted = nothing(points)
    predicted[[5, 10]] = boxes([4, 4, 20, 20])
    assert chosen(points, classes, objectness, predicted, boxes([4, 4, 20, 20]), 0) == ([5, 10], [0, 0], [1, 1])


def test_a_box_that_nothing_overlaps_has_the_surest_point_of_its_class() -> None:
    points = grid()
    classes, objectness, predicted = nothing(points)
    classes[2, 1], classes[15, 1] = 1, 5  # the second is not near
    assert chosen(points, classes, objectness, predicted, boxes([4, 4, 20, 20]), 1) == ([2], [0], [0])
    assert chosen(points, classes, objectness, predicted, boxes([4, 4, 20, 20]), 0)[0] == [0]  # equals: the first


def test_points_are_near_within_one_and_a_half_strides() -> None:
    """Around (16, 16) the centres at 4 and 28 are 12 away, which is not less than 1.5 * 8."""
    points = grid()
    classes, objectness, predicted = nothing(points)
    predicted[:] = boxes([12, 12, 20, 20])
    found = chosen(points, classes, objectness, predicted, boxes([12, 12, 20, 20]), 0)
    assert found[0] == [5, 6, 9, 10]


def test_a_point_chosen_by_two_boxes_is_assigned_to_the_cheaper_one() -> None:
    points = grid()
    classes, objectness, predicted = nothing(points)
    predicted[5] = boxes([4, 4, 20, 20])
    wanted = boxes([4, 4, 20, 12], [4, 4, 20, 19])  # overlaps 8/16 and 15/16: each has one point, and it is the same
    assert chosen(points, classes, objectness, predicted, wanted, 0, 0) == ([5], [1], [15 / 16])


def test_boxes_beside_the_image_and_no_boxes_have_no_points() -> None:
    points = grid()
    said = nothing(points)
    assert chosen(points, *said, boxes([100, 100, 120, 120]), 0) == ([], [], [])
    assert chosen(points, *said, torch.zeros(0, 4).double(), *()) == ([], [], [])


@pytest.mark.parametrize("seed", range(6))
def test_assignment_equals_an_implementation_with_loops(seed: int) -> None:
    torch.manual_seed(seed)
    points = grid(8)
    corners = torch.rand(5, 2).double() * 40
    wanted = torch.cat((corners, corners + 4 + torch.rand(5, 2) * 30), 1)
    labels = torch.randint(3, (5,))
    classes, objectness = torch.randn(64, 3).double(), torch.randn(64).double()
    predicted = wanted[torch.randint(5, (64,))] + torch.randn(64, 4).double()
    found = assign(points, classes, objectness, predicted, wanted, labels)
    expected = by_loops(points, classes, objectness, predicted, wanted, labels)
    assert dict(zip(found.points.tolist(), found.boxes.tolist(), strict=True)) == expected
    torch.testing.assert_close(found.overlaps, box_iou(wanted, predicted)[found.boxes, found.points])


def by_loops(
    points: Points,
    classes: torch.Tensor,
    objectness: torch.Tensor,
    predicted: torch.Tensor,
    wanted: torch.Tensor,
    labels: torch.Tensor,
) -> dict[int, int]:
    scores = (classes.sigmoid() * objectness.sigmoid()[:, None]).sqrt()
    overlaps = box_iou(wanted, predicted)
    cost: dict[tuple[int, int], float] = {}
    near: dict[int, list[int]] = {}
    for box, label in enumerate(labels):
        middle = (wanted[box, :2] + wanted[box, 2:]) / 2
        near[box] = [p for p in range(64) if bool(((points.centres[p] - middle).abs() < 12).all())]
        for point in near[box]:
            there = functional.one_hot(label, 3).double()
            entropy = functional.binary_cross_entropy(scores[point], there, reduction="sum")
            cost[point, box] = float(entropy - 3 * torch.log(overlaps[box, point] + 1e-8))
    candidates = sorted({point for rows in near.values() for point in rows})
    chosen_by: dict[int, list[int]] = {}
    for box, rows in near.items():
        best = overlaps[box, candidates].sort(descending=True).values[:10]
        count = max(1, int(best.sum()))
        for _, point in sorted((cost[point, box], point) for point in rows)[:count]:
            chosen_by.setdefault(point, []).append(box)
    every = range(len(labels))
    return {
        point: those[0] if len(those) == 1 else min((cost.get((point, box), math.inf), box) for box in every)[1]
        for point, those in chosen_by.items()
    }
