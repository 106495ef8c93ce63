"""Changes valid JSON documents: wrong types, deep nesting, huge numbers, duplicate keys, surrogates, long texts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Raw(str):
    """A piece of JSON that is written as it is, also if it is invalid."""


class Members(list[Any]):
    """The members of an object as [key, value] pairs, so that a key can occur twice."""


NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e308", "5e-324", "-0", "-0.0", "-1", "0", "0.5", "1e10")
INTEGERS = (str(1 << 31), str(1 << 53), str(1 << 63), str(-(1 << 63) - 1), str(1 << 64), "1" + "0" * 400, "9" * 5000)
TEXTS = (
    *("", " ", "\0", "a\0b", "../../x", "/etc/passwd", ".", "..", "a/b", "-", "=1+1", "nan", "inf", "\n", "a\nb\r\n"),
    *(
        "\x1b[2J",
        "\u202eabc",
        "\u2028",
        "é" * 300,
        "x" * 300,
        "x" * 70_000,
        "%s{}",
        "1_0",
        "\u0661",
        "run:",
        "ast:../x",
    ),
    *("file:" + "0" * 64, "100+150", "1+" * 5000 + "1", "0", "-1", "1e9", "2147483648", "true", "none", "default"),
)
PIECES = (
    *NUMBERS,
    *INTEGERS,
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', "null", "true", "false", "[]", "{}", "[[]]", "[{}]", '[""]'),
    *('{"": 1}', '{"a": {"a": {}}}', "[1, [2]]", "[null]", "[true, 1]", '["a", "a"]', "[" + "0," * 20_000 + "0]"),
    *("[" * 63 + "]" * 63, "[" * 70 + "]" * 70, "[" * 900 + "]" * 900, "[" * 100_000 + "]" * 100_000, "[" * 100_000),
    *('{"a":' * 80 + "1" + "}" * 80, '{"a":' * 50_000 + "1" + "}" * 50_000, "", "'", "\\", '"', "tru", "0x10", "01"),
)
"""Values that parsers meet rarely: of another type, at the limits of numbers, nested too deep, or not JSON."""

KEYS = ("", "\0", "\ud800", "__class__", "__init__", "self", "a.b", "x" * 70_000, "../x")


def parsed(data: bytes) -> Any:
    """The document of a seed, with objects as Members."""
    return json.loads(data, object_pairs_hook=lambda pairs: Members(list(pair) for pair in pairs))


def written(value: Any) -> str:
    """The JSON text of a document."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, Members):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


def changed(draw: Draw, document: Any) -> Any:
    """The document with one change somewhere in it."""
    slots = list(_slots(document))
    if not slots:
        return _value(draw)
    container, index = draw(st.sampled_from(slots))
    match draw(st.sampled_from(("value", "value", "value", "remove", "again", "key", "nest", "swap", "more"))):
        case "value":
            _put(container, index, _value(draw))
        case "remove":
            del container[index]
        case "again":
            again = (
                [container[index][0], _value(draw)]
                if isinstance(container, Members)
                else copy.deepcopy(container[index])
            )
            container.insert(draw(st.integers(0, len(container))), again)
        case "key" if isinstance(container, Members):
            keys = [key for _, key, _ in _all_members(document)]
            container[index] = [draw(st.sampled_from([*KEYS, *keys])), container[index][1]]
        case "nest":
            _put(container, index, [_get(container, index)])
        case "swap":
            other, place = draw(st.sampled_from(slots))
            if place < len(other):
                _put(container, index, copy.deepcopy(_get(other, place)))
        case _:
            name = draw(st.sampled_from(KEYS))
            container.append([name, _value(draw)] if isinstance(container, Members) else _value(draw))
    return document


def _value(draw: Draw) -> Any:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.sampled_from(TEXTS))
    if kind == 1:
        return draw(st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.none()))
    return Raw(draw(st.sampled_from(PIECES)))


def _slots(value: Any) -> Iterator[tuple[Any, int]]:
    """Every place of the document that holds a value: (list or Members, index)."""
    if isinstance(value, list):
        for index in range(len(value)):
            yield value, index
            inner = _get(value, index)
            if inner is not value:
                yield from _slots(inner)


def _all_members(value: Any) -> Iterator[tuple[Members, str, int]]:
    for container, index in _slots(value):
        if isinstance(container, Members):
            yield container, container[index][0], index


def _get(container: Any, index: int) -> Any:
    return container[index][1] if isinstance(container, Members) else container[index]


def _put(container: Any, index: int, value: Any) -> None:
    container[index] = [container[index][0], value] if isinstance(container, Members) else value
