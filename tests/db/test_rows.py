"""A run as the index gives it."""

from __future__ import annotations

import dataclasses

import pytest

from attnctl.db import RunRow
from attnctl.db.rows import COLUMNS, Details
from attnctl.spec import recipe_fields
from attnctl.workspace.records import RecordError
from tests.reports.report_rows import rows

(ROW,) = rows([90.0], ("ela",))


def test_the_remaining_parts_of_runs_are_read_by_one_query_each() -> None:
    asked: list[str] = []

    def read(part: str) -> dict[str, dict[str, float]]:
        asked.append(part)
        return {"a": {"top1": 1.0}}

    details = Details(read)
    first, second = (dataclasses.replace(ROW, id=name, details=details) for name in ("a", "b"))
    assert (dict(first.best), dict(second.best), dict(first.best)) == ({"top1": 1.0}, {}, {"top1": 1.0})
    assert asked == ["best"]


def test_the_recipe_is_by_its_fields_and_the_spec_is_the_whole_request() -> None:
    assert list(ROW.recipe) == list(recipe_fields())
    assert (ROW.spec.id, ROW.spec.module) == (ROW.id, "ela")
    assert ROW.hyperparameters["kernel"] == "7"


@pytest.mark.parametrize(
    ("text", "said"), [(None, "spec.json is broken"), ("{", "damaged spec"), ("[]", "damaged spec")]
)
def test_a_run_without_a_valid_spec_has_a_reason(text: str | None, said: str) -> None:
    found = {} if text is None else {ROW.id: text}
    row = dataclasses.replace(ROW, problem="spec.json is broken", details=Details(lambda _: found))
    with pytest.raises(RecordError, match=said):
        _ = row.spec


@pytest.mark.parametrize(("step", "steps", "progress"), [(None, 40, 0), (10, 40, 0.25), (50, 40, 1), (10, None, None)])
def test_the_progress_is_the_trained_part(step: int | None, steps: int | None, progress: float | None) -> None:
    assert dataclasses.replace(ROW, step=step, steps=steps).progress == progress


def test_a_detectors_network_is_its_model_and_backbone() -> None:
    assert (ROW.network, dataclasses.replace(ROW, model="yolof").network) == ("resnet20", "yolof resnet20")


def test_columns_match_the_fields_of_the_database() -> None:
    assert COLUMNS[0] == "id"
    assert set(COLUMNS) == set(RunRow.__dataclass_fields__) - {"metrics", "details"}
