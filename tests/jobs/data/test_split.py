from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.split import stratified, validation_split

label_lists = st.lists(st.integers(0, 6), min_size=2, max_size=300).map(lambda labels: np.array(labels, dtype=np.int64))


@given(label_lists, st.data())
def test_a_split_is_a_stratified_partition_of_the_right_size(
    labels: npt.NDArray[np.int64], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(labels)))
    rest, taken = stratified(labels, count, "test")
    assert sorted([*rest, *taken]) == list(range(len(labels)))
    assert len(taken) == count
    for c in np.unique(labels):
        exact = (labels == c).sum() * count / len(labels)
        assert abs((labels[taken] == c).sum() - exact) < 1


def test_a_split_is_the_same_in_every_release_and_differs_by_purpose() -> None:
    labels = np.arange(100, dtype=np.int64) % 5
    assert stratified(labels, 10, "digits test")[1].tolist() == [7, 8, 19, 45, 47, 60, 63, 76, 79, 81]
    assert stratified(labels, 10, "other")[1].tolist() != stratified(labels, 10, "digits test")[1].tolist()


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_a_validation_split_with_an_empty_side_is_an_error(fraction: float) -> None:
    with pytest.raises(DataError, match="neither may be empty"):
        validation_split(np.zeros(20, dtype=np.int64), fraction, "digits")
