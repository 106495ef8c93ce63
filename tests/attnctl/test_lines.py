"""The line on which a value of a TOML text stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnctl
from attnctl import lines
from attnctl.values import SpecError

SOURCE = """\
# a comment
name = "x"
a.b."c d" = 1

[first]
key = [
    1,
    # between
    { x = 2,
      y = [3] },
]

[[rows]]
row = "one"

[[rows]]   # the second
row = "two"
'quoted key' = { inner = "v" }

[rows.more]
deep = '''
text
'''
last = 5

[[rows.sub]]
n = 1
[[rows.sub]]
n = 2
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("a",), 3),
        (("a", "b"), 3),
        (("a", "b", "c d"), 3),
        (("first",), 5),
        (("first", "key"), 6),
        (("first", "key", 0), 7),
        (("first", "key", 1), 9),
        (("first", "key", 1, "x"), 9),
        (("first", "key", 1, "y"), 10),
        (("first", "key", 1, "y", 0), 10),
        (("rows", 0), 13),
        (("rows", 0, "row"), 14),
        (("rows", 1), 16),
        (("rows", 1, "row"), 17),
        (("rows", 1, "quoted key", "inner"), 18),
        (("rows", 1, "more"), 20),
        (("rows", 1, "more", "deep"), 21),
        (("rows", 1, "more", "last"), 24),
        (("rows", 1, "sub", 0, "n"), 27),
        (("rows", 1, "sub", 1), 28),
        (("rows", 1, "sub", 1, "n"), 29),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_the_line_of_a_value_is_found(path: tuple[str | int, ...], line: int) -> None:
    assert lines.line_of(SOURCE, path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [(("rows", 0, "missing"), 13), (("first", "key", 1, "z"), 9), (("rows",), 13), (("nothing", "here"), 1), ((), 1)],
)
def test_the_line_of_a_missing_key_is_that_of_its_section(path: tuple[str | int, ...], line: int) -> None:
    assert lines.line_of(SOURCE, path) == line


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _paths(item, (*path, key))


@pytest.mark.parametrize("file", sorted(Path(attnctl.__file__).parent.rglob("*.toml")), ids=lambda file: file.stem)
def test_every_value_of_the_built_in_files_is_located(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    text = source.splitlines()
    for path, line in lines._lines(source).items():
        if isinstance(path[-1], str):
            assert path[-1] in text[line - 1], (path, line)
    assert set(_paths(tomllib.loads(source))) == set(lines._lines(source))


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='"\\'), max_size=6)


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.integers(-9, 9), min_size=1, max_size=8), st.integers(0, 3))
def test_keys_of_any_characters_are_found(pairs: dict[str, int], blank: int) -> None:
    source = "[section]\n" + "".join("\n" * blank + f'"{key}" = {value}\n' for key, value in pairs.items())
    assert tomllib.loads(source)["section"] == pairs
    for index, key in enumerate(pairs):
        assert lines.line_of(source, ("section", key)) == 2 + blank + index * (blank + 1)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("a = 1\nb = = 2\n", 2),
        ("a = 1\n\n[x\n", 3),
        ('a = """\nnever closed\n', 2),
        ("a = 1\na = 2\n", 2),
        ("a = [1,", 1),
    ],
    ids=["value", "header", "string", "twice", "list"],
)
def test_invalid_toml_is_reported_with_its_line(source: str, line: int) -> None:
    with pytest.raises(SpecError, match=rf"^my\.toml:{line}: this is not TOML: "):
        lines.parsed(source, "my.toml")


def test_invalid_utf8_is_reported_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"^my\.toml:3: this is not UTF-8 text"):
        lines.decoded(b"a = 1\n\nb = '\xff'\n", "my.toml")


@pytest.mark.parametrize("number", [f"0x{'f' * 9000}", str(2**63), str(-(2**63) - 1)])
def test_a_whole_number_of_more_than_64_bits_is_refused_with_its_line(number: str) -> None:
    with pytest.raises(SpecError, match=r"^x\.toml:3: a whole number must fit in 64 bits$"):
        lines.parsed(f"a = 1\n[b]\nc = [1, {number}]\n", "x.toml")
    assert lines.parsed(f"a = {2**63 - 1}\nb = {-(2**63)}\n", "x.toml") == {"a": 2**63 - 1, "b": -(2**63)}
