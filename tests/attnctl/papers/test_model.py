"""What a column takes its numbers from, and what a cell is built and trained with."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl.metrics import MEASURED
from attnctl.papers.model import PaperColumn, PaperTable, Row, Setup
from attnctl.values import SpecError


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("top1", "run"),
        ("map", "run"),
        ("params", "params"),
        ("flops", "flops"),
        ("fps", "fps"),
        ("words", "words"),
        ("long_range", "trait"),
    ],
)
def test_the_kind_of_a_column_is_the_source_of_its_numbers(metric: str, kind: str) -> None:
    assert PaperColumn(key="c", title="c", metric=metric).kind == kind


@pytest.mark.parametrize(
    ("setup", "waits", "metrics"),
    [
        ({"backbone": "resnet20"}, False, MEASURED["classify"]),
        ({"model": "fasterrcnn", "task": "detection"}, False, MEASURED["detect"]),
        ({"task": "detection"}, True, MEASURED["instance"]),
    ],
)
def test_a_network_that_attnctl_lacks_waits_and_has_the_metrics_of_its_task(
    setup: dict[str, Any], waits: bool, metrics: tuple[str, ...]
) -> None:
    found = Setup(**setup)
    assert found.waits is waits
    assert found.metrics == metrics


def test_an_unknown_network_of_a_segmentation_table_may_have_the_metrics_of_both_kinds() -> None:
    assert set(Setup(task="segmentation").metrics) == {*MEASURED["instance"], *MEASURED["segment"]}


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(SpecError, match="fasterrcn"):
        _ = Setup(model="fasterrcn").metrics


def test_a_column_can_override_the_data_set_of_its_cells() -> None:
    row = Row(name="SE", printed="SE", setup=Setup(backbone="resnet20", module="se", dataset="cifar10"))
    plain, other = (
        PaperColumn(key="c", title="c", metric="top1", changes=each) for each in ({}, {"dataset": "cifar100"})
    )
    assert row.setup_of(plain) is row.setup
    assert row.setup_of(other) == Setup(backbone="resnet20", module="se", dataset="cifar100")
    assert not row.baseline
    assert Row(name="plain", printed="plain").baseline


def test_a_table_is_named_by_its_paper_and_number() -> None:
    assert PaperTable(paper="EAN", number="2", caption="c", columns=(), rows=()).name == "ean:2"
