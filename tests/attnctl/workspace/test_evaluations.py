"""Evaluations are kept in the run's folder, apart from its metrics, and damaged ones are never read wrongly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.workspace import evaluations
from attnctl.workspace.evaluations import Evaluation, Part
from attnctl.workspace.layout import RunDir, Workspace

METRICS = {"top1": 50.0, "top5": 100.0, "loss": 0.7, "ece": 12.5}
EVALUATION = Evaluation(
    at=10.0,
    dataset="./digits-c",
    split="test",
    content="a" * 64,
    step=5,
    images=4,
    metrics=METRICS,
    parts=(Part(corruption="noise", severity=1, images=4, metrics=METRICS),),
    classes=("cat", "dog"),
    by_class=((1, 2), (1, 2)),
    confused=((0, 1, 1), (1, 0, 1)),
)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return Workspace(tmp_path).run("0" * 16)


def test_a_new_evaluation_replaces_the_one_of_the_same_images(run: RunDir) -> None:
    assert evaluations.read(run) == []
    kept = evaluations.write(run, EVALUATION, b"predictions").with_suffix(".npz")
    other = replace(EVALUATION, dataset="digits", at=11.0)
    evaluations.write(run, other, None)
    assert evaluations.read(run) == [other, EVALUATION]
    assert kept.read_bytes() == b"predictions"
    newer = replace(EVALUATION, at=12.0)
    evaluations.write(run, newer, None)
    assert evaluations.read(run) == [newer, other]
    assert not kept.exists(), "they would be those of another evaluation"


def test_a_damaged_file_is_skipped(run: RunDir) -> None:
    path = evaluations.write(run, EVALUATION, None)
    path.write_bytes(path.read_bytes()[:-9])
    assert evaluations.read(run) == []


def test_a_record_that_contradicts_itself_is_refused() -> None:
    for change in ({"classes": ("cat",)}, {"confused": ((0, 2, 1),)}):
        with pytest.raises(ValueError, match=r"it (has 1 classes|names a class that there is not)"):
            replace(EVALUATION, **change)


def test_a_folder_has_one_name_and_is_no_data_set_of_that_name() -> None:
    assert {evaluations.dataset_name(text) for text in ("./digits", "digits/", "./digits/")} == {"./digits"}
    assert evaluations.dataset_name("digits") == "digits"
    assert evaluations.dataset_name("../up/x/") == "../up/x"
    assert evaluations.dataset_name("/data/x/") == "/data/x"


def test_each_corruption_counts_alike_in_the_mean() -> None:
    parts = [Part(images=1, metrics={"top1": 50.0, "loss": 0.5}), Part(images=99, metrics={"top1": 100.0, "loss": 1.5})]
    assert evaluations.mean_metrics(parts) == {"top1": 75.0, "loss": 1.0}
