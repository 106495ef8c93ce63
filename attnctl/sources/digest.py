"""The hash of source code by its syntax tree: formatting, comments and docstrings do not count."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping

VERSION_PREFIX = "ast:"
"""The prefix of the version of a module or backbone from a user's file."""

_LENGTH = 16
_NO_MEANING = {"type_comment", "kind", "ctx", "type_ignores"}
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def digest(trees: Mapping[str, ast.Module]) -> str:
    """The hash, as 16 hexadecimal digits, of syntax trees keyed by their files' relative names."""
    state = hashlib.sha256()
    for name in sorted(trees):
        state.update(f"{name}\0{''.join(_text(trees[name]))}\0".encode(errors="surrogatepass"))
    return state.hexdigest()[:_LENGTH]


def _text(node: object) -> Iterator[str]:
    """A node as text that is stable across Python releases, unlike `ast.dump`.

    Empty fields are left out, because newer releases add such fields.
    """
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(node, _WITH_DOCSTRING) and _begins_with_text(node):
                value = value[1:]
            if name not in _NO_MEANING and value is not None and value != []:
                yield f"{name}="
                yield from _text(value)
                yield ","
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            yield from _text(item)
            yield ","
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r}"


def _begins_with_text(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
