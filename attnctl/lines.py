"""The line numbers of keys in a TOML file, for error messages; the parser is imported only when one is needed."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attnctl.values import SpecError

if TYPE_CHECKING:
    from tree_sitter import Node

Path = tuple[str | int, ...]
"""The keys and list indices that lead to a value: ("tables", "2", "rows", 0, "params")."""


def line_of(source: str, path: Sequence[str | int]) -> int:
    """The line number, from 1, of a value or of its nearest enclosing key."""
    lines = _lines(source)
    return next((lines[tuple(path[:length])] for length in range(len(path), 0, -1) if tuple(path[:length]) in lines), 1)


def decoded(data: bytes, name: str) -> str:
    """The text of a file; raises SpecError with the line of the first invalid byte. name: its name in messages."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpecError(f"{name}:{line}: this is not UTF-8 text") from error


def parsed(source: str, name: str) -> dict[str, Any]:
    """The document of a TOML text; raises SpecError with the line. name: the file's name in messages."""
    try:
        document = tomllib.loads(source)
    except RecursionError as error:
        raise SpecError(f"{name}: lists and tables are nested too deep") from error
    except ValueError as error:  # a number of thousands of digits raises ValueError, not TOMLDecodeError
        problem, _, location = str(error).rpartition(" (at ")
        at = re.match(r"line (\d+)", location)
        line = int(at[1]) if at else max(1, len(source.splitlines()))
        raise SpecError(f"{name}:{line}: this is not TOML: {problem[:1].lower()}{problem[1:]}") from error
    for path in _large_numbers(document):
        raise SpecError(f"{name}:{line_of(source, path)}: a whole number must fit in 64 bits")
    return document


def _large_numbers(document: Any) -> Iterator[Path]:
    """Where integers stand that TOML does not allow: Python reads them, but cannot print thousands of digits."""
    left: list[tuple[Path, Any]] = [((), document)]
    while left:
        path, value = left.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        left += [((*path, key), item) for key, item in items]


def _lines(source: str) -> dict[Path, int]:
    """The lines of all keys, headers and list items of a valid TOML text."""
    import tree_sitter
    import tree_sitter_toml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    lines: dict[Path, int] = {}
    sections: Counter[Path] = Counter()  # number of [[sections]] per name so far
    for node in parser.parse(source.encode()).root_node.named_children:
        if node.type == "pair":
            lines.update(_pair((), node, lines))
        elif node.type in {"table", "table_array_element"}:
            prefix: Path = ()
            *parents, last = _keys(node.named_children[0])
            for key in parents:
                lines.setdefault((*prefix, key), _line(node))
                prefix = _latest((*prefix, key), sections)
            prefix = (*prefix, last)
            if node.type == "table_array_element":
                lines.setdefault(prefix, _line(node))
                sections[prefix] += 1
                prefix = _latest(prefix, sections)
            lines[prefix] = _line(node)
            for pair in (child for child in node.named_children if child.type == "pair"):
                lines.update(_pair(prefix, pair, lines))
    return lines


def _latest(path: Path, sections: Counter[Path]) -> Path:
    """The path, extended to the last of its [[sections]] if it has any."""
    return (*path, sections[path] - 1) if path in sections else path


def _pair(prefix: Path, node: Node, lines: dict[Path, int]) -> Iterator[tuple[Path, int]]:
    key, value = (child for child in node.named_children if child.type != "comment")
    keys = _keys(key)
    for length in range(1, len(keys)):  # a.b = 1 also defines a, unless it is defined already
        if (*prefix, *keys[:length]) not in lines:
            yield (*prefix, *keys[:length]), _line(node)
    yield (*prefix, *keys), _line(node)
    yield from _inside((*prefix, *keys), value, lines)


def _inside(path: Path, value: Node, lines: dict[Path, int]) -> Iterator[tuple[Path, int]]:
    if value.type == "inline_table":
        for pair in (child for child in value.named_children if child.type == "pair"):
            yield from _pair(path, pair, lines)
    elif value.type == "array":
        for index, item in enumerate(child for child in value.named_children if child.type != "comment"):
            yield (*path, index), _line(item)
            yield from _inside((*path, index), item, lines)


def _keys(node: Node) -> list[str]:
    """The parts of a dotted key, without quotes."""
    document: Any = tomllib.loads(f"{(node.text or b'').decode()} = 0")
    keys = []
    while isinstance(document, dict):
        ((key, document),) = document.items()
        keys.append(key)
    return keys


def _line(node: Node) -> int:
    return node.start_point[0] + 1
