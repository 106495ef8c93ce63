"""VOC's mAP: against the development kit's algorithm written out detection by detection, and by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
import torch

from attnctl.jobs.metrics.voc import VocMAP, area_under, eleven_points, pool
from tests.jobs.metrics.random_detections import CATEGORIES, batch

Integral = Literal["11-point", "area"]
Detection = tuple[float, list[float], int]
Object = tuple[list[float], int, bool]


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def written_out(
    outputs: list[dict[str, torch.Tensor]],
    targets: list[dict[str, torch.Tensor]],
    label: int,
    threshold: float,
    integral: Integral,
) -> float | None:
    """VOCevaldet.m, line by line; None for a class without objects that have to be found."""
    objects: dict[int, list[Any]] = {}
    detections: list[tuple[float, int, list[float]]] = []
    wanted = 0
    for number, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        mine = [k for k in range(len(target["labels"])) if target["labels"][k] == label]
        objects[number] = [
            {"box": target["boxes"][k].double().tolist(), "difficult": bool(target["difficult"][k]), "had": False}
            for k in mine
        ]
        wanted += sum(not item["difficult"] for item in objects[number])
        detections += [
            (float(output["scores"][k]), number, output["boxes"][k].double().tolist())
            for k in range(len(output["labels"]))
            if output["labels"][k] == label
        ]
    if not wanted:
        return None
    right: list[bool] = []
    for _, number, box in sorted(detections, key=lambda item: -item[0]):
        best, which = -math.inf, {}
        for item in objects[number]:
            found = overlap(box, item["box"])
            if found > best:
                best, which = found, item
        if best < threshold:
            right.append(False)
        elif not which["difficult"]:
            right.append(not which["had"])
            which["had"] = True
    return 100 * integrated(right, wanted, integral)


def integrated(right: list[bool], wanted: int, integral: Integral) -> float:
    points = []
    hits = 0
    for rank, item in enumerate(right, 1):
        hits += item
        points.append((Fraction(hits, wanted), hits / rank))
    if integral == "11-point":
        levels = [Fraction(k, 10) for k in range(11)]
        return sum(max((p for recall, p in points if recall >= level), default=0.0) for level in levels) / 11
    area, before = 0.0, Fraction(0)
    for k, (recall, _) in enumerate(points):
        area += float(recall - before) * max(p for _, p in points[k:])
        before = recall
    return area


@pytest.mark.parametrize("integral", ["11-point", "area"])
@pytest.mark.parametrize("seed", range(5))
def test_random_detections_match_a_literal_implementation(seed: int, integral: Integral) -> None:
    outputs, targets = batch(seed, 40)
    metric = VocMAP(CATEGORIES, integral)
    metric.update(outputs, targets)
    for name, threshold in (("map", 0.5), ("map75", 0.75)):
        expected = {
            label: value
            for label in range(1, len(CATEGORIES) + 1)
            if (value := written_out(outputs, targets, label, threshold, integral)) is not None
        }
        assert metric.by_class(pool(metric.images), threshold) == pytest.approx(expected, abs=1e-9)
        assert metric.compute()[name] == pytest.approx(np.mean(list(expected.values())), abs=1e-9)
    assert metric.compute()["map50"] == metric.compute()["map"] > metric.compute()["map75"] > 1


YES, NO = True, False


@pytest.mark.parametrize(
    ("right", "wanted", "points", "area"),
    [
        ([YES], 1, 1.0, 1.0),
        ([], 2, 0.0, 0.0),
        ([NO, NO], 2, 0.0, 0.0),
        ([YES], 2, 6 / 11, 0.5),  # recalls 0 to 0.5 are reached
        ([NO, YES], 1, 0.5, 0.5),
        ([YES, NO, YES, NO, NO], 2, (6 * 1 + 5 * 2 / 3) / 11, 0.5 * 1 + 0.5 * 2 / 3),
        ([YES] * 3, 10, 4 / 11, 0.3),  # a recall of 0.3 is at least 0.3, which 3 * 0.1 is not
        ([YES] * 7, 10, 8 / 11, 0.7),
    ],
)
def test_precision_over_recall_by_hand(right: list[bool], wanted: int, points: float, area: float) -> None:
    assert eleven_points(np.array(right, bool), wanted) == pytest.approx(points)
    assert area_under(np.array(right, bool), wanted) == pytest.approx(area)


LEFT, RIGHT = [0.0, 0.0, 100.0, 100.0], [200.0, 0.0, 300.0, 100.0]


def judged(detections: Sequence[Detection], objects: Sequence[Object], threshold: float = 0.5) -> dict[int, float]:
    """detections: (score, box, label); objects: (box, label, difficult); all on one image."""
    metric = VocMAP(CATEGORIES)
    output = {
        "boxes": torch.tensor([box for _, box, _ in detections]).reshape(-1, 4),
        "labels": torch.tensor([label for _, _, label in detections], dtype=torch.int64),
        "scores": torch.tensor([score for score, _, _ in detections]),
    }
    target = {
        "boxes": torch.tensor([box for box, _, _ in objects]).reshape(-1, 4),
        "labels": torch.tensor([label for _, label, _ in objects], dtype=torch.int64),
        "area": torch.zeros(len(objects)),
        "iscrowd": torch.zeros(len(objects), dtype=torch.uint8),
        "difficult": torch.tensor([difficult for _, _, difficult in objects], dtype=torch.bool),
        "image_id": torch.tensor(1),
    }
    metric.update([output], [target])
    return metric.by_class(pool(metric.images), threshold)


@pytest.mark.parametrize(
    ("detections", "objects", "expected"),
    [
        ([(0.9, LEFT, 1)], [(LEFT, 1, NO)], {1: 100}),
        ([(0.9, LEFT, 1), (0.8, LEFT, 1)], [(LEFT, 1, NO), (RIGHT, 1, NO)], {1: 50}),
        # found twice: the second is an error, before the other object is found
        ([(0.9, LEFT, 1), (0.8, LEFT, 1), (0.7, RIGHT, 1)], [(LEFT, 1, NO), (RIGHT, 1, NO)], {1: 50 + 50 * 2 / 3}),
        # what is difficult need not be found, and finding it, even twice, counts neither way
        ([(0.9, LEFT, 1), (0.8, LEFT, 1), (0.7, RIGHT, 1)], [(LEFT, 1, YES), (RIGHT, 1, NO)], {1: 100}),
        ([(0.7, RIGHT, 1)], [(LEFT, 1, YES), (RIGHT, 1, NO)], {1: 100}),
        ([(0.9, LEFT, 1)], [(LEFT, 1, YES)], {}),
        # a class with a difficult object alone, and one that is found where there is none, are no classes of the mean
        ([(0.9, LEFT, 1), (0.9, RIGHT, 3)], [(LEFT, 1, NO), (LEFT, 2, YES)], {1: 100}),
        ([(0.9, LEFT, 2)], [(LEFT, 1, NO)], {1: 0}),
        ([], [(LEFT, 1, NO)], {1: 0}),
        ([(0.9, LEFT, 1)], [], {}),
        ([], [], {}),
        # exactly half is enough; the kit compares with >=
        ([(0.9, [0.0, 0.0, 100.0, 50.0], 1)], [(LEFT, 1, NO)], {1: 100}),
        ([(0.9, [0.0, 0.0, 100.0, 49.9], 1)], [(LEFT, 1, NO)], {1: 0}),
        # boxes without any area, on an object and on another such box
        ([(0.9, [5.0, 5.0, 5.0, 5.0], 1)], [(LEFT, 1, NO)], {1: 0}),
        ([(0.9, [5.0, 5.0, 5.0, 5.0], 1)], [([5.0, 5.0, 5.0, 5.0], 1, NO)], {1: 0}),
    ],
)
def test_plain_cases(detections: list[Detection], objects: list[Object], expected: dict[int, float]) -> None:
    assert judged(detections, objects) == pytest.approx(expected)


def test_targets_without_difficult_have_no_difficult_objects() -> None:
    outputs, targets = batch(2)
    marked, unmarked = VocMAP(CATEGORIES), VocMAP(CATEGORIES)
    for target in targets:
        target["difficult"] = torch.zeros_like(target["difficult"])
    marked.update(outputs, targets)
    for target in targets:
        del target["difficult"]
    unmarked.update(outputs, targets)
    assert unmarked.compute() == marked.compute()
    assert VocMAP(CATEGORIES).compute() == {}
