"""Metrics of predictions against values that were computed by hand, or by scikit-learn and statistics' formulas."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from attnctl.jobs.metrics import classification

LABELS = np.array([0, 0, 1, 1, 1, 3])
PREDICTED = np.array([0, 1, 1, 0, 0, 3])


def test_each_class_counts_its_own_images() -> None:
    assert classification.by_class(LABELS, PREDICTED, 4) == [(1, 2), (1, 3), (0, 0), (1, 1)]


def test_confused_classes_are_those_of_the_confusion_matrix() -> None:
    assert classification.confused(LABELS, PREDICTED) == [(1, 0, 2), (0, 1, 1)]
    draw = np.random.default_rng(0)
    labels, predicted = draw.integers(0, 5, 300), draw.integers(0, 5, 300)
    matrix = confusion_matrix(labels, predicted)
    for true, said, count in classification.confused(labels, predicted):
        assert matrix[true, said] == count
        matrix[true, said] = 0
    assert np.array_equal(matrix, np.diag(np.diag(matrix)))
    assert classification.confused(labels, labels) == []


def test_a_calibrated_network_has_no_calibration_error() -> None:
    confidence = np.repeat([0.5, 0.9], [10, 10])
    right = np.array([True] * 5 + [False] * 5 + [True] * 9 + [False])
    assert classification.calibration_error(confidence, right) == pytest.approx(0, abs=1e-9)
    assert classification.calibration_error(confidence, np.ones(20, bool)) == pytest.approx(30)
    assert classification.calibration_error(np.ones(4), np.zeros(4, bool)) == pytest.approx(100)
    assert classification.calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


def test_opposite_errors_in_one_interval_cancel_as_the_definition_has_it() -> None:
    assert classification.calibration_error(np.array([0.61, 0.65]), np.array([True, False])) == pytest.approx(13)


def test_pairs_are_compared_by_the_images_on_which_they_differ() -> None:
    first = [True] * 8 + [False, True]
    second = [False] * 8 + [True, True]
    pair = classification.mcnemar(first, second)
    assert (pair.only_first, pair.only_second) == (8, 1)
    assert pair.p == pytest.approx(2 * (1 + 9) / 2**9)
    assert classification.mcnemar(first, first).p == 1


def test_a_reliability_diagram_has_the_images_and_accuracy_of_each_interval() -> None:
    confidence, right = np.array([0.05, 0.1, 0.45, 0.95, 1.0]), np.array([True, False, True, True, True])
    found = classification.reliability(confidence, right, 10)
    assert found[0] == (2, 50.0)
    assert (found[4], found[9]) == ((1, 100.0), (2, 100.0))
    assert {found[k] for k in (1, 2, 3, 5, 6, 7, 8)} == {(0, None)}
    error = classification.calibration_error(confidence, right, 10)
    gaps = [abs(0.075 - 0.5) * 2, abs(0.45 - 1), abs(0.975 - 1) * 2]
    assert error == pytest.approx(100 * sum(gaps) / 5)


def test_a_confusion_matrix_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 5, (2, 200))
    ours = classification.confusion(labels, predicted, 6)
    assert ours.tolist() == confusion_matrix(labels, predicted, labels=range(6)).tolist()
