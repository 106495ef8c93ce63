"""Lines of a CSV file, each with its place."""

from __future__ import annotations

import pytest

from attnctl.reports.exchange.sheet import lines
from attnctl.values import SpecError


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_separator_is_the_most_frequent_one_of_the_first_line(separator: str, mark: bytes) -> None:
    text = separator.join(("label", "top1", "params")) + "\n" + separator.join(('"ela"', " 92.5 ", "")) + "\n"
    names, found = lines(mark + text.encode(), "x.csv")
    assert names == ["label", "top1", "params"]
    assert [(line.where, dict(line.texts)) for line in found] == [("x.csv:2", {"label": "ela", "top1": "92.5"})]


@pytest.mark.parametrize("told", ["sep=;", '"sep=;"', "SEP=; "])
def test_excels_line_about_the_separator_is_no_header(told: str) -> None:
    names, (line,) = lines(f"{told}\r\na,b;c\r\n1,5;2\r\n".encode("utf-8-sig"), "x.csv")
    assert (names, dict(line.texts), line.where) == (["a,b", "c"], {"a,b": "1,5", "c": "2"}, "x.csv:3")


def test_empty_lines_are_passed_over_and_each_line_keeps_its_number() -> None:
    _, found = lines(b'a,b\n\n1,2\n ,\n"two\nlines",4\n5,6\n', "x.csv")
    assert [(line.where, line.texts["b"]) for line in found] == [("x.csv:3", "2"), ("x.csv:5", "4"), ("x.csv:7", "6")]
    assert found[1].texts["a"] == "two\nlines"


def test_a_protected_text_comes_without_its_apostrophe() -> None:
    names, (line,) = lines(b"'=a,b,c,d\n'+x,-1.5,''=y,'plain'\n", "x.csv")
    assert names == ["=a", "b", "c", "d"]
    assert dict(line.texts) == {"=a": "+x", "b": "-1.5", "c": "'=y", "d": "'plain'"}


def test_a_line_complains_with_its_place_and_column() -> None:
    _, (line,) = lines(b"a,b\n1,2\n", "x.csv")
    assert str(line.error("is no number", "b")) == "x.csv:2: column b: is no number"
    assert str(line.error("is wrong")) == "x.csv:2: is wrong"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "x.csv is empty"),
        (b"\n \n", "x.csv is empty"),
        (b"a,b\n1,2\n1\n", "x.csv:3: 1 value for 2 columns"),
        (b"a,b\n1,2,3\n", "x.csv:2: 3 values for 2 columns"),
        (b"a,b\n1,\xff\n", "x.csv:2: this is not UTF-8 text"),
        (b'a,b\n1,"2\n', "x.csv:2: "),
    ],
)
def test_an_invalid_sheet_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(SpecError) as error:
        lines(data, "x.csv")
    assert str(error.value).startswith(said)
