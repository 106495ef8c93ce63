"""What trained classifiers get wrong, as drawings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attnctl.cli.drawing import error_charts
from attnctl.jobs.inspect import evaluating
from attnctl.jobs.inspect.load import Trained
from attnctl.reports.figures.data import Bars, Matrices
from attnctl.settings.config import Config
from attnctl.values import SpecError

NAMES = ("plain", "gated")


@pytest.fixture
def results(config: Config, networks: list[Trained]) -> list[evaluating.Results]:
    return [
        evaluating.evaluate(
            network, evaluating.open_images(network, None, "test", config.data), dataset="digits", split="test"
        )
        for network in networks
    ]


def test_a_reliability_diagram_shows_the_accuracy_by_confidence(results: list[evaluating.Results]) -> None:
    drawn = error_charts.drawing(results, NAMES, "reliability", "A title")
    assert isinstance(drawn, Bars)
    assert (drawn.title, drawn.diagonal, len(drawn.panels)) == ("A title", True, 2)
    for panel, result in zip(drawn.panels, results, strict=True):
        (series,) = panel.series
        images = result.evaluation.images
        assert sum(series.counts) == images
        hits = sum(height * n for height, n in zip(series.heights, series.counts, strict=True) if height is not None)
        assert hits / images == pytest.approx(result.evaluation.metrics["top1"])
        assert panel.title.endswith(f"(ECE {result.evaluation.metrics['ece']:.1f} %)")


def test_bars_and_matrices_agree_with_the_accuracy(results: list[evaluating.Results]) -> None:
    bars = error_charts.drawing(results, NAMES, "classes", "")
    matrices = error_charts.drawing(results, NAMES, "confusion", "")
    assert isinstance(bars, Bars)
    assert isinstance(matrices, Matrices)
    (panel,) = bars.panels
    assert panel.places == matrices.classes == tuple(map(str, range(10)))
    for series, matrix, name in zip(panel.series, matrices.panels, NAMES, strict=True):
        assert series.name == matrix.title == name
        assert matrix.counts.sum(1).tolist() == list(series.counts)
        shares = 100 * matrix.counts.diagonal() / matrix.counts.sum(1)
        assert shares.tolist() == pytest.approx(list(series.heights))


def test_too_many_classes_are_refused_but_for_reliability(results: list[evaluating.Results]) -> None:
    many = replace(results[0].evaluation, classes=tuple(map(str, range(1000))), by_class=((1, 1),) * 1000)
    large = [replace(results[0], evaluation=many)]
    for of in ("confusion", "classes"):
        with pytest.raises(SpecError, match="digits has 1000 classes, too many for a figure"):
            error_charts.drawing(large, ["plain"], of, "")
    assert isinstance(error_charts.drawing(large, ["plain"], "reliability", ""), Bars)
