"""Images with objects on which a trained network is evaluated: which of them count, and with which labels."""

from __future__ import annotations

import pytest

from attnctl.datasets import describe
from attnctl.grid import Axes, expand
from attnctl.jobs.data import evaluated_objects
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from attnctl.values import SpecError

ROOTS = DataRoots()


def spec_of(**recipe: str) -> RunSpec:
    axes = Axes(
        modules=("none",),
        models=("ssdlite320",),
        datasets=("digits-det",),
        overrides={name: (value,) for name, value in recipe.items()},
    )
    (spec,) = expand(axes).specs
    return spec


def test_the_test_part_counts_with_the_labels_of_the_network() -> None:
    found = evaluated_objects.open_scenes(spec_of(), "digits-det", "test", ROOTS)
    assert len(found) == describe("digits-det").test_size
    assert found.labels.tolist() == list(range(1, 11))
    assert not found.ignores
    assert len(found.names()) == len(found)


def test_training_images_and_those_that_were_held_out_are_apart() -> None:
    spec = spec_of(val_split="0.25")
    train, val = (evaluated_objects.open_scenes(spec, "digits-det", part, ROOTS) for part in ("train", "val"))
    assert set(train.indices.tolist()).isdisjoint(val.indices.tolist())
    assert train.content() != val.content()
    assert len(val) == pytest.approx((len(val) + len(train)) / 4, abs=1)


def test_nothing_was_held_out_without_a_validation_split() -> None:
    with pytest.raises(SpecError, match="--split val needs val_split"):
        evaluated_objects.open_scenes(spec_of(), "digits-det", "val", ROOTS)
