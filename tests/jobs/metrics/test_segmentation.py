"""The mean IoU, against scikit-learn's confusion matrix and Jaccard score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from attnctl.jobs.metrics.segmentation import IGNORED, MeanIoU


def drawn(seed: int, classes: int = 6, absent: tuple[int, ...] = ()) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(logits, targets) of four batches; about a tenth of the pixels is ignored."""
    draw = torch.Generator().manual_seed(seed)
    known = torch.tensor([number for number in range(classes) if number not in absent])
    batches = []
    for size in (3, 3, 3, 1):
        targets = known[torch.randint(len(known), (size, 17, 23), generator=draw)]
        logits = torch.randn(size, classes, 17, 23, generator=draw)
        logits[:, list(absent)] = -100
        logits.scatter_add_(1, targets[:, None], torch.full((size, 1, 17, 23), 1.5))
        targets[torch.rand(targets.shape, generator=draw) < 0.1] = IGNORED
        batches.append((logits, targets))
    return batches


def taken_in(batches: list[tuple[torch.Tensor, torch.Tensor]], classes: int = 6) -> MeanIoU:
    metric = MeanIoU(classes)
    for logits, targets in batches:
        metric.update({"out": logits}, targets)
    return metric


@pytest.mark.parametrize(("seed", "absent"), [(0, ()), (1, ()), (2, (0, 4))])
def test_values_match_scikit_learn(seed: int, absent: tuple[int, ...]) -> None:
    batches = drawn(seed, absent=absent)
    metric = taken_in(batches)
    true = np.concatenate([targets.flatten() for _, targets in batches])
    found = np.concatenate([logits.argmax(1).flatten() for logits, _ in batches])
    true, found = true[true != IGNORED], found[true != IGNORED]
    np.testing.assert_array_equal(metric.confusion.numpy(), confusion_matrix(true, found, labels=range(6)))
    assert metric.compute() == pytest.approx(
        {
            "miou": 100 * jaccard_score(true, found, average="macro"),  # of the classes there are
            "pixel_accuracy": 100 * accuracy_score(true, found),
        }
    )
    assert metric.count == 10


def test_a_class_that_is_predicted_but_not_annotated_counts() -> None:
    logits = torch.tensor([[[[9.0, 0.0]], [[0.0, 9.0]], [[0.0, 0.0]]]])
    metric = MeanIoU(3)
    metric.update({"out": logits}, torch.tensor([[[0, 0]]]))
    assert metric.compute() == {"miou": 25.0, "pixel_accuracy": 50.0}


def test_a_map_of_only_ignored_pixels_gives_no_values() -> None:
    metric = MeanIoU(3)
    metric.update({"out": torch.zeros(1, 3, 2, 2)}, torch.full((1, 2, 2), IGNORED))
    assert (metric.compute(), metric.count) == ({}, 1)


def test_mismatching_sizes_and_classes_are_errors() -> None:
    with pytest.raises(ValueError, match="classes 0 to 3 are not in 0 to 2"):
        MeanIoU(3).update({"out": torch.zeros(1, 3, 1, 2)}, torch.tensor([[[0, 3]]]))
    with pytest.raises(ValueError, match=r"maps are \(1, 1, 2\) instead of \(1, 2, 2\)"):
        MeanIoU(3).update({"out": torch.zeros(1, 3, 1, 2)}, torch.zeros(1, 2, 2, dtype=torch.int64))
