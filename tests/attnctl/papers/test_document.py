"""A paper's TOML as sections with declared keys: every error names the line and the place."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl.papers import kinds
from attnctl.papers.document import Document
from attnctl.values import SpecError

SOURCE = """name = "Mine"

[tables.2]
caption = "c"
[[tables.2.rows]]
row = "ResNet50"
kernel = { a = 1, b = [2] }
[[tables.2.rows]]
top1 = 76.5
[[tables.2.columns]]
key = "top1"
[figures.1]
caption = 5
"""


@pytest.fixture
def document() -> Document:
    return Document(SOURCE, "my.toml")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("name",), "my.toml:1: wrong"),
        (("tables", "2", "caption"), "my.toml:4: table 2: wrong"),
        (("tables", "2", "rows", 0, "row"), "my.toml:6: table 2, row 'ResNet50': wrong"),
        (("tables", "2", "rows", 1, "top1"), "my.toml:9: table 2, row 2: wrong"),
        (("tables", "2", "columns", 0, "key"), "my.toml:11: table 2, column 'top1': wrong"),
        (("figures", "1", "caption"), "my.toml:13: figure 1: wrong"),
    ],
)
def test_an_error_names_line_and_place(path: tuple[str | int, ...], place: str, document: Document) -> None:
    assert str(document.error(path, "wrong")) == place


def test_documents_are_recognised_by_their_keys(document: Document) -> None:
    assert document.contains(("tables", "2", "rows", 1, "top1"))
    assert not document.contains(("tables", "2", "rows", 2))
    assert not document.contains(("name", "more"))


def test_a_section_is_converted_by_its_kinds(document: Document) -> None:
    row = document.root["tables"]["2"]["rows"][0]
    known: dict[str, Any] = {"row": kinds.line, "kernel": kinds.section}
    assert document.section(("tables", "2", "rows", 0), row, known)["row"] == "ResNet50"


@pytest.mark.parametrize(
    ("known", "required", "said"),
    [
        ({"row": kinds.line}, (), ":7: table 2, row 'ResNet50': unknown key 'kernel'"),
        ({"row": kinds.line, "kernel": kinds.section}, ("top1",), "table 2, row 'ResNet50': "),
        ({"row": kinds.count, "kernel": kinds.section}, (), ":6: table 2, row 'ResNet50': row must be"),
        ({"row": kinds.line, "kernel": kinds.scalars}, (), ":7: table 2, row 'ResNet50': b in kernel must be"),
    ],
)
def test_an_invalid_value_is_reported_with_its_line(
    known: dict[str, Any], required: tuple[str, ...], said: str, document: Document
) -> None:
    path = ("tables", "2", "rows", 0)
    with pytest.raises(SpecError) as error:
        document.section(path, document.root["tables"]["2"]["rows"][0], known, required)
    assert said in str(error.value)


def test_invalid_toml_is_reported_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"^my\.toml:2: "):
        Document("a = 1\nb = \n", "my.toml")
