"""A file and its local imports, found without running anything.

An import is local if it is in the file's folder or, in a project (a folder with .git, pyproject.toml, setup.py,
setup.cfg or attnctl.toml), in a folder above it up to the project's root. All others belong to the environment.
Folders and files that others could have put there are passed by: see `attnctl.ownership`.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from attnctl import ownership
from attnctl.files import read_regular
from attnctl.sources.digest import VERSION_PREFIX, digest
from attnctl.sources.reachable import reduced
from attnctl.values import SpecError

_DEEPEST = 200
"""Levels of a file's syntax tree; ordinary code has about twenty, and a chain of n `elif` or `+` has n more."""

_PROJECT = (".git", "pyproject.toml", "setup.py", "setup.cfg", "attnctl.toml")
_NEVER_LOCAL = {"attnctl", "torch", "__future__", *sys.builtin_module_names}
_INIT = "__init__.py"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file and its local imports, with their contents when they were read.

    entry: the file, relative to `base`. base: the common parent folder. files: relative name -> content.
    origin: the user's folder, for messages; `base` unless this is a stored copy. attribute: the class or function whose
    version it has (`narrowed`); empty: the version is that of all files.
    """

    entry: str
    base: Path
    files: Mapping[str, bytes]
    hash: str
    origin: Path
    attribute: str = ""

    @property
    def version(self) -> str:
        """Its version in a run's spec: `ast:` and the hash."""
        return VERSION_PREFIX + self.hash

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.base / self.entry

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return PurePosixPath(self.entry).stem


@dataclass(frozen=True)
class Scope:
    """Where local imports are looked up. roots: nearest first; only: the only top-level name that may be local.

    entry: the user's file that was named, if the files of others are passed by; None for an installed package.
    """

    roots: tuple[Path, ...]
    only: str | None = None
    entry: Path | None = None

    def covers(self, name: str) -> bool:
        """Whether a top-level name may be local."""
        return name not in _NEVER_LOCAL if self.only is None else name == self.only

    def counts(self, path: Path) -> bool:
        """Whether a file or folder in which a module was found counts.

        The folder of the named file does, and in it the files of that file's owner too.
        """
        if self.entry is None or path == self.entry.parent:
            return True
        if path.is_relative_to(self.entry.parent):
            concern = ownership.foreign(path, {self.entry.stat().st_uid})
        else:
            concern = ownership.concern(path)
        if concern:
            ownership.PASSED_BY[path] = concern
        return not concern


_READ: dict[Path, tuple[list[tuple[Path, tuple[int, ...]]], Source]] = {}
"""Cache: file -> the stats of all files read for it, and the result."""

READ_SOURCES: dict[str, Source] = {}
"""version -> the user's files read in this process, to be stored when runs are submitted."""


def read(file: Path) -> Source:
    """Read a user's file and its local imports; raises SpecError with file and line if one is not valid Python."""
    entry = Path(os.path.abspath(file))  # noqa: PTH100 - a link in the path is part of where the imports are
    cached = _READ.get(entry)
    if cached is None or any(_stat(path) != stat for path, stat in cached[0]):
        cached = _READ[entry] = _read(entry, _scope(entry))
        READ_SOURCES[cached[1].version] = cached[1]
    return cached[1]


_NARROWED: dict[tuple[int, str], tuple[Source, Source]] = {}
"""Cache: (identity of a source, attribute) -> the source, so that the identity stays its own, and the result."""


def narrowed(source: Source, attribute: str) -> Source:
    """The source with the version of one class or function, which edits of what it does not use do not change."""
    if source.attribute == attribute:
        return source
    key = (id(source), attribute)
    if key not in _NARROWED:
        found = replace(source, attribute=attribute, hash=_hash_of(source, attribute))
        _NARROWED[key] = (source, found)
        READ_SOURCES.setdefault(found.version, found)
    return _NARROWED[key][1]


def _hash_of(source: Source, attribute: str) -> str:
    trees = {source.base / name: ast.parse(data, name) for name, data in source.files.items()}
    scope = Scope(tuple(parent for parent in source.path.parents if parent.is_relative_to(source.base)))
    local = [item.node for item in imports(source.path, trees[source.path], scope) if trees.keys() >= {*item.files}]
    trees[source.path] = reduced(trees[source.path], attribute, local)
    return digest({os.path.relpath(path, source.path.parent): tree for path, tree in trees.items()})


def read_within(file: Path, scope: Scope) -> Source:
    """Read a file and its imports within a scope. Raises SpecError."""
    return _read(file, scope)[1]


def _read(entry: Path, scope: Scope) -> tuple[list[tuple[Path, tuple[int, ...]]], Source]:
    contents: dict[Path, bytes] = {}
    roots: set[Path] = set()
    trees: dict[Path, ast.Module] = {}
    stats = []
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in trees:
            continue
        stats.append((path, _stat(path)))
        contents[path], trees[path] = _parsed(path)
        for item in imports(path, trees[path], scope):
            waiting += item.files
            roots.add(item.root)  # `from nets.parts import ...` needs the folder that nets is in
    base = Path(os.path.commonpath([*(path.parent for path in contents), *roots]))
    return stats, Source(
        entry=entry.relative_to(base).as_posix(),
        base=base,
        files={path.relative_to(base).as_posix(): data for path, data in sorted(contents.items())},
        hash=digest({os.path.relpath(path, entry.parent): tree for path, tree in trees.items()}),
        origin=base,
    )


@dataclass(frozen=True)
class Import:
    """A local import: the statement, the root folder of the module, and the files that importing it runs."""

    node: ast.Import | ast.ImportFrom
    alias: ast.alias
    root: Path
    files: tuple[Path, ...]


def imports(path: Path, tree: ast.Module, scope: Scope) -> Iterator[Import]:
    """All local imports of a file, also nested ones; raises SpecError for a relative import above the scope."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        for alias in node.names:
            for parts in _meant(node, alias):
                if relative:
                    match = _find(parts, (_above(path, node, scope),), scope)
                else:
                    match = _find(parts, scope.roots, scope) if scope.covers(parts[0]) else None
                if match is not None:
                    yield Import(node, alias, *match)
                    break


def _meant(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> list[tuple[str, ...]]:
    """The dotted names that an import may refer to: `from a import b` is module a.b, or else a name in a."""
    if isinstance(node, ast.Import):
        return [tuple(alias.name.split("."))]
    parts = tuple(node.module.split(".")) if node.module else ()
    return [(*parts, alias.name), parts]


def _find(parts: tuple[str, ...], roots: tuple[Path, ...], scope: Scope) -> tuple[Path, tuple[Path, ...]] | None:
    """The root that contains a dotted name, and the files that importing it runs. No parts: the root itself."""
    for root in roots:
        folder, passed, files = root, [root], []
        for part in parts[:-1]:
            folder = folder / part
            passed.append(folder)
            if (folder / _INIT).is_file():
                files.append(folder / _INIT)
        ends = (folder / parts[-1] / _INIT, folder / f"{parts[-1]}.py") if parts else (folder / _INIT,)
        for last in ends:
            if last.is_file() and all(map(scope.counts, dict.fromkeys((*passed, *files, last.parent, last)))):
                return root, (*files, last)
    return None


def _above(path: Path, node: ast.Import | ast.ImportFrom, scope: Scope) -> Path:
    """The folder that the dots of a relative import refer to."""
    level = node.level if isinstance(node, ast.ImportFrom) else 0
    folder = path.parents[min(level, len(path.parents)) - 1]
    if not any(folder.is_relative_to(root) for root in scope.roots):
        raise SpecError(f"{path}:{node.lineno}: `{ast.unparse(node)}` imports from above its project's folder")
    return folder


def _scope(entry: Path) -> Scope:
    folders = list(entry.parents)
    for number, folder in enumerate(folders[:-1]):
        if any(_is_project(folder / name) for name in _PROJECT):
            return Scope(tuple(folders[: number + 1]), entry=entry)
    return Scope((entry.parent,), entry=entry)


def _is_project(marker: Path) -> bool:
    """Whether a file or folder marks a project: nobody else may have put it there."""
    if not marker.exists():
        return False
    concern = ownership.concern_of_entry(marker)
    if concern:
        ownership.PASSED_BY[marker] = concern
    return not concern


def _parsed(path: Path) -> tuple[bytes, ast.Module]:
    try:
        data = read_regular(path)
        tree = ast.parse(data, str(path))
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    except MemoryError:  # what Python's parser raises for a file that is nested too deeply
        tree = None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}:{getattr(error, 'lineno', None) or 1}: this is not Python: {_words(error)}") from error
    if tree is None:
        raise SpecError(f"{path}: this is not Python: it is nested too deeply")
    _check_depth(path, tree)
    return data, tree


def _check_depth(path: Path, tree: ast.Module) -> None:
    """Raise SpecError for code that is nested too deep for the functions that walk through it by recursion."""
    level: list[ast.AST] = [tree]
    line = 1
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        line = next((getattr(node, "lineno", line) for node in level), line)
        if not level:
            return
    raise SpecError(f"{path}:{line}: this code is nested too deep: more than {_DEEPEST} levels")


def _words(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _stat(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
