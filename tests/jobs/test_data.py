"""The images of a run, opened by what its data set is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attnctl.datasets import describe
from attnctl.grid import Axes, expand
from attnctl.jobs.data import load_splits, open_data
from attnctl.jobs.data.errors import DataError
from attnctl.settings.config import DataRoots

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("model", "dataset", "size", "categories"),
    [("", "digits", 360, 0), ("ssdlite320", "digits-det", None, 10), ("deeplabv3", "digits-seg", None, 10)],
)
def test_built_in_data_sets_open_without_configuration(
    model: str, dataset: str, size: int | None, categories: int
) -> None:
    fields = {"batch": ("4",), "norm_batch": ("4",)}
    (spec,) = expand(Axes(modules=("none",), models=(model,), datasets=(dataset,), overrides=fields)).specs
    data = open_data(spec, DataRoots(), CPU)
    assert data.evaluation_size == (size or describe(dataset).test_size)
    assert data.steps_per_epoch > 0
    assert len(data.categories) == categories
    images, _ = next(data.train(0, range(1), 1))
    assert len(images) == 4
    data.close()


@pytest.mark.parametrize("dataset", ["cifar10", "imagenet"])
def test_missing_files_are_named(dataset: str, tmp_path: Path) -> None:
    (spec,) = expand(Axes(modules=("none",), datasets=(dataset,))).specs
    for roots in (DataRoots(), DataRoots(root=tmp_path)):
        with pytest.raises(DataError, match=dataset):
            open_data(spec, roots, CPU)


def test_the_parts_of_a_set_in_memory_have_the_described_sizes() -> None:
    splits = load_splits(describe("digits"), DataRoots())
    assert (len(splits.train.labels), len(splits.test.labels)) == (1437, 360)


def test_naming_the_package_imports_no_torch() -> None:
    code = "import sys; import attnctl.jobs.data; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-Pc", code], check=True)
