"""What of a file a class or function uses, found in the syntax tree without running anything.

Functions and classes that it does not refer to, not even through others, are left out, and so are constants and imports
that only these use. Whatever could act when the file is imported stays, as does everything in a file whose code looks
names up by text (`globals`, `eval`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

_BY_TEXT = {"globals", "locals", "vars", "eval", "exec", "compile", "__import__", "importlib", "inspect", "sys"}
_PLAIN = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp),
    *(ast.Subscript, ast.Slice, ast.operator, ast.unaryop, ast.expr_context, ast.Starred, ast.Lambda, ast.arguments),
)
_QUIET_DECORATORS = {"dataclass", "dataclasses.dataclass", "staticmethod", "classmethod", "property"}
_DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def reduced(tree: ast.Module, name: str, acting: Collection[ast.stmt] = ()) -> ast.Module:
    """The file without what the class or function `name` does not use; the file itself where that is not certain.

    acting: import statements that stay because they run other files of the user's.
    """
    parts = {id(item): _parts(item, acting) for item in tree.body}
    body = [part for item in tree.body for part in parts[id(item)]]
    definitions = [item for item in body if isinstance(item, Definition) and _is_quiet(item, body)]
    if name not in {item.name for item in body if isinstance(item, Definition)}:
        return tree
    companions = [item for item in body if item not in acting and _is_companion(item)]
    optional = {id(item) for item in (*definitions, *companions)}
    kept = [item for item in body if id(item) not in optional or name in _bound(item)]
    used = _closure(kept, body, optional)
    if used & _BY_TEXT:
        return tree
    unused = [item for item in definitions if not _bound(item) & used and item.name != name]
    dropped = {id(item) for item in unused} | _only_used_by(unused, companions, used)
    exported = {item.name for item in unused}
    left = [(item, [part for part in parts[id(item)] if id(part) not in dropped]) for item in tree.body]
    return ast.Module([_joined(item, some, exported) for item, some in left if some], [])


def _parts(item: ast.stmt, acting: Collection[ast.stmt]) -> list[ast.stmt]:
    """An import of several names as one statement for each; any other statement as it is."""
    if isinstance(item, ast.Import) and item not in acting:
        return [ast.Import([alias]) for alias in item.names]
    if isinstance(item, ast.ImportFrom) and item not in acting:
        return [ast.ImportFrom(item.module, [alias], item.level) for alias in item.names]
    return [item]


def _joined(item: ast.stmt, parts: Sequence[ast.stmt], unused: Collection[str]) -> ast.stmt:
    """The statement with only these of its parts; `__all__` without what is not used."""
    names = [alias for part in parts if isinstance(part, ast.Import | ast.ImportFrom) for alias in part.names]
    if isinstance(item, ast.Import):
        return ast.Import(names)
    if isinstance(item, ast.ImportFrom):
        return ast.ImportFrom(item.module, names, item.level)
    if isinstance(item, ast.Assign) and _bound(item) == {"__all__"} and isinstance(item.value, ast.List | ast.Tuple):
        listed = [each for each in item.value.elts if not (isinstance(each, ast.Constant) and each.value in unused)]
        return ast.Assign(item.targets, type(item.value)(listed, ast.Load()))
    return item


def _closure(kept: Iterable[ast.stmt], body: Iterable[ast.stmt], optional: Collection[int]) -> set[str]:
    """The names that the kept statements use, and those that what these names mean uses."""
    used: set[str] = set()
    waiting = [name for item in kept if not _is_main(item) for name in _names(item)]
    meanings: dict[str, list[ast.stmt]] = {}
    for item in body:
        if id(item) in optional:
            for name in _bound(item):
                meanings.setdefault(name, []).append(item)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += [other for item in meanings.get(name, ()) for other in _names(item)]
    return used


def _only_used_by(unused: Iterable[ast.stmt], companions: Iterable[ast.stmt], used: Collection[str]) -> set[int]:
    """The constants and imports that are used by what is left out, and by nothing that stays."""
    wanted = {name for item in unused for name in _names(item)}
    found: set[int] = set()
    while more := [
        item for item in companions if id(item) not in found and _bound(item) & wanted and not _bound(item) & {*used}
    ]:
        found |= {id(item) for item in more}
        wanted |= {name for item in more for name in _names(item)}
    return found


def _bound(item: ast.stmt) -> set[str]:
    """The names that a definition, constant or import binds."""
    if isinstance(item, Definition):
        return {item.name}
    if isinstance(item, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in item.names}
    targets = item.targets if isinstance(item, ast.Assign) else [item.target] if isinstance(item, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _names(item: ast.AST) -> Iterator[str]:
    """The names that a node refers to, also in texts such as annotations; not in docstrings."""
    documents = {id(node.body[0]) for node in ast.walk(item) if isinstance(node, _DOCUMENTED)}
    waiting = [item]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (word for word in re.findall(r"\w+", node.value) if word not in _BY_TEXT)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        plain = isinstance(node, ast.Expr) and id(node) in documents and isinstance(node.value, ast.Constant)
        waiting += [] if plain else ast.iter_child_nodes(node)


def _is_companion(item: ast.stmt) -> bool:
    """Whether a statement is an import or a constant, which does nothing but bind names."""
    if isinstance(item, ast.Import):
        return True
    if isinstance(item, ast.ImportFrom):
        return item.module != "__future__" and item.names[0].name != "*"
    if isinstance(item, ast.Assign):
        return len(item.targets) == 1 and isinstance(item.targets[0], ast.Name) and _is_plain(item.value)
    return isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and _is_plain(item.value)


def _is_quiet(item: Definition, body: Iterable[ast.stmt]) -> bool:
    """Whether a definition does nothing but define: no decorator or base class can register it somewhere."""
    if item.name.startswith("__") or not all(ast.unparse(each) in _QUIET_DECORATORS for each in item.decorator_list):
        return False
    if not isinstance(item, ast.ClassDef):
        return all(map(_is_plain, [*item.args.defaults, *item.args.kw_defaults]))
    if item.keywords or not all(map(_is_plain, item.bases)):
        return False
    classes = {each.name: each for each in body if isinstance(each, ast.ClassDef)}
    bases = [classes[base.id] for base in item.bases if isinstance(base, ast.Name) and base.id in classes]
    if any(each.name == "__init_subclass__" for base in bases for each in base.body if isinstance(each, Definition)):
        return False
    return all(_is_quiet_in_class(each, body) for each in item.body)


def _is_quiet_in_class(item: ast.stmt, body: Iterable[ast.stmt]) -> bool:
    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
        return all(map(_is_plain, [*item.args.defaults, *item.args.kw_defaults]))
    if isinstance(item, ast.Expr):
        return isinstance(item.value, ast.Constant)
    return (
        isinstance(item, ast.Pass) or _is_companion(item) or (isinstance(item, ast.ClassDef) and _is_quiet(item, body))
    )


def _is_plain(value: ast.expr | None) -> bool:
    """Whether evaluating an expression calls nothing. The body of a lambda is not evaluated."""
    if value is None or isinstance(value, ast.Lambda):
        return True
    return isinstance(value, _PLAIN) and all(_is_plain(item) for item in ast.iter_child_nodes(value))  # type: ignore[arg-type]


def _is_main(item: ast.stmt) -> bool:
    """Whether a statement is `if __name__ == "__main__"`, which does not run when the file is imported."""
    return isinstance(item, ast.If) and ast.unparse(item.test) in {"__name__ == '__main__'", "'__main__' == __name__"}
