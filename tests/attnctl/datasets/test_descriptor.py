"""What is said of a data set."""

from __future__ import annotations

import pytest

from attnctl.datasets import DATASETS, describe
from attnctl.datasets.descriptor import READER


@pytest.mark.parametrize(
    ("name", "fetched"), [("cifar10", True), ("coco", True), ("imagenet", False), ("digits", False)]
)
def test_a_data_set_with_an_address_or_archives_can_be_fetched(name: str, fetched: bool) -> None:
    assert describe(name).can_be_fetched is fetched


def test_archives_are_named_once_and_have_an_address_a_size_and_a_digest() -> None:
    archives = [archive for dataset in DATASETS.values() for archive in dataset.archives]
    assert archives
    for archive in archives:
        assert archive.url.startswith("http")
        assert len(archive.md5) == 32
        assert archive.size > 0
        assert archive.gives


def test_the_reading_of_image_files_is_part_of_the_version_in_the_ids_of_runs() -> None:
    versions = {name: item.run_version for name, item in DATASETS.items() if item.run_version != item.version}
    assert versions == {"imagenet": 100 * READER + 1}
