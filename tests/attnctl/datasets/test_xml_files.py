"""XML files in encodings of one and of several bytes."""

from __future__ import annotations

import pytest

from attnctl.datasets import xml_files


def document(encoding: str, folder: str) -> bytes:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>\n<annotation><folder>{folder}</folder></annotation>'
    return declared.encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "folder"),
    [
        ("utf-8", "\u4e2d\u6587"),
        ("utf-16", "\u4e2d\u6587"),
        ("iso-8859-1", "Stra\u00dfe"),
        ("windows-1251", "\u043a\u043e\u0442"),
        ("gb2312", "\u4e2d\u6587"),
        ("GBK", "\u4e2d\u6587"),
        ("gb18030", "\u4e2d\u6587"),
        ("big5", "\u4e2d\u6587"),
        ("shift_jis", "\u4e2d\u6587"),
        ("euc-jp", "\u4e2d\u6587"),
        ("euc_kr", "\uadf8\ub9bc"),
    ],
)
def test_texts_are_read_in_the_declared_encoding(encoding: str, folder: str) -> None:
    assert xml_files.parse(document(encoding, folder)).findtext("folder") == folder


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<a>", r"is not XML: no element found"),
        (b"", r"is not XML"),
        (document("utf-8", "x").replace(b"utf-8", b"nonsense"), "is in the encoding nonsense, .*; convert it to UTF-8"),
        (
            document("utf-8", "x").replace(b"utf-8", b"zlib_codec"),
            "is in the encoding zlib_codec, which cannot be read",
        ),
        (document("gbk", "x").replace(b">x<", b">\xff\xff<"), "is not XML in its encoding gbk"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_encoding(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        xml_files.parse(content)


def test_names_are_read_without_their_namespaces() -> None:
    root = xml_files.parse(
        b'<annotation xmlns="http://example.org/v"><v:object xmlns:v="urn:v"><name>cup</name></v:object></annotation>'
    )
    assert [element.tag for element in root.iter()] == ["annotation", "object", "name"]
