"""Where in a TOML file a key stands. Only for errors: the parser that knows it is imported when one is to be told."""

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
"""The keys that lead to a value, and places in lists: ("tables", "2", "rows", 0, "params")."""


def of(source: str, path: Sequence[str | int]) -> int:
    """The line on which a value stands, or else the nearest thing around it; from 1."""
    found = _lines(source)
    return next((found[tuple(path[:length])] for length in range(len(path), 0, -1) if tuple(path[:length]) in found), 1)


def decoded(data: bytes, name: str) -> str:
    """The text of a file, which messages call `name`; raises SpecError with the line of what is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpecError(f"{name}:{line}: this is not UTF-8 text") from error


def parsed(source: str, name: str) -> dict[str, Any]:
    """The document of a TOML text; raises SpecError with the line. name: what the message calls the file."""
    try:
        return tomllib.loads(source)
    except RecursionError as error:
        raise SpecError(f"{name}: lists and tables are nested too deep") from error
    except ValueError as error:  # also a number of thousands of digits, which is no TOMLDecodeError
        words, _, place = str(error).rpartition(" (at ")
        at = re.match(r"line (\d+)", place)
        line = int(at[1]) if at else max(1, len(source.splitlines()))
        raise SpecError(f"{name}:{line}: this is not TOML: {words[:1].lower()}{words[1:]}") from error


def _lines(source: str) -> dict[Path, int]:
    """Every key, header and list item of a TOML text that parses, and its line."""
    import tree_sitter
    import tree_sitter_toml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    found: dict[Path, int] = {}
    sections: Counter[Path] = Counter()  # how many [[sections]] of a name there are so far
    for node in parser.parse(source.encode()).root_node.named_children:
        if node.type == "pair":
            found.update(_pair((), node, found))
        elif node.type in {"table", "table_array_element"}:
            prefix: Path = ()
            *parents, last = _keys(node.named_children[0])
            for key in parents:
                found.setdefault((*prefix, key), _line(node))
                prefix = _latest((*prefix, key), sections)
            prefix = (*prefix, last)
            if node.type == "table_array_element":
                found.setdefault(prefix, _line(node))
                sections[prefix] += 1
                prefix = _latest(prefix, sections)
            found[prefix] = _line(node)
            for pair in (child for child in node.named_children if child.type == "pair"):
                found.update(_pair(prefix, pair, found))
    return found


def _latest(path: Path, sections: Counter[Path]) -> Path:
    """The path, into the last of its [[sections]] when it has some."""
    return (*path, sections[path] - 1) if path in sections else path


def _pair(prefix: Path, node: Node, found: dict[Path, int]) -> Iterator[tuple[Path, int]]:
    key, value = (child for child in node.named_children if child.type != "comment")
    keys = _keys(key)
    for length in range(1, len(keys)):  # a.b = 1 begins a, when nothing did before
        if (*prefix, *keys[:length]) not in found:
            yield (*prefix, *keys[:length]), _line(node)
    yield (*prefix, *keys), _line(node)
    yield from _inside((*prefix, *keys), value, found)


def _inside(path: Path, value: Node, found: dict[Path, int]) -> Iterator[tuple[Path, int]]:
    if value.type == "inline_table":
        for pair in (child for child in value.named_children if child.type == "pair"):
            yield from _pair(path, pair, found)
    elif value.type == "array":
        for index, item in enumerate(child for child in value.named_children if child.type != "comment"):
            yield (*path, index), _line(item)
            yield from _inside((*path, index), item, found)


def _keys(node: Node) -> list[str]:
    """The parts of a dotted key, without their quotes."""
    document: Any = tomllib.loads(f"{(node.text or b'').decode()} = 0")
    keys = []
    while isinstance(document, dict):
        ((key, document),) = document.items()
        keys.append(key)
    return keys


def _line(node: Node) -> int:
    return node.start_point[0] + 1
