"""Outlines of objects: polygons and run-length codes become masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as reference

from attnctl.jobs.data.outlines import Outlines


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_polygons_are_filled_as_by_pycocotools() -> None:
    rng = np.random.default_rng(0)
    outlines = [[rng.uniform(-5, 70, 2 * corners).round(2).tolist() for corners in (3, 7)] for _ in range(20)]
    found = Outlines([*outlines, None]).fill(range(21), 48, 60)
    for mask, polygons in zip(found, outlines, strict=False):
        code = reference.merge(reference.frPyObjects(polygons, 48, 60))
        assert np.array_equal(mask, reference.decode(code))
    assert not found[20].any()


def test_run_length_encodings_are_decoded_whether_compressed_or_not() -> None:
    rng = np.random.default_rng(1)
    masks = (rng.random((3, 12, 17)) > 0.6).astype(np.uint8)
    compressed = [reference.encode(np.asfortranarray(mask)) for mask in masks]
    text = [{"size": code["size"], "counts": code["counts"].decode()} for code in compressed]
    columns = masks[0].flatten(order="F")
    changes = np.flatnonzero(np.diff(columns, prepend=0, append=2))
    plain = {"size": [12, 17], "counts": np.diff(changes, prepend=0).tolist()}
    found = Outlines([*text, plain, None]).fill(range(5), 12, 17)
    assert np.array_equal(found, [*masks, masks[0], np.zeros_like(masks[0])])


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ({"size": [5, 5], "counts": [25]}, r"a run-length encoding is for size \[5, 5\], but the image is \[4, 5\]"),
        ({"size": [4, 5], "counts": [9, 2]}, "decoded 11 pixels"),
        ({"size": [4, 5], "counts": "zzzz"}, "counts"),
        ({"size": [4, 5]}, "lacks its size or its counts"),
        ([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], "has 7 numbers instead of x, y pairs"),
    ],
)
def test_invalid_outlines_are_refused(outline: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Outlines([outline]).fill([0], 4, 5)
