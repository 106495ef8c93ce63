"""VOC's lists of images as users' tools write them."""

from __future__ import annotations

import pytest

from attnctl.datasets import voc_lists


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"\xef\xbb\xbf000001\r\n000002\r\n", ["000001", "000002"]),
        ("photo (1)\nphoto (2) -1\n".encode("utf-16"), ["photo (1)", "photo (2)"]),
        (b"photo 1\nphoto 1 1\n", ["photo 1", "photo 1 1"]),
        (b"photo 0  1\n", ["photo 0"]),
        (b"a b.jpg\n", ["a b"]),
    ],
)
def test_names_with_blanks_and_lists_of_other_programs_are_read(content: bytes, names: list[str]) -> None:
    assert voc_lists.parse(content, {"photo 1 1", "photo (1)", "photo 0", "photo 1", "a b"}) == names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "is empty; it must list images"),
        (b"1\n2\n1\n", "lists 1 2 times"),
        (b"\x81\xff", "is not text in UTF-8 or UTF-16"),
    ],
)
def test_wrong_lists_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        voc_lists.parse(content)
