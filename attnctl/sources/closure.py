"""Which files a file needs: itself and its local imports, read once and found without running anything.

Local is what lies in the file's own folder or, in a project (a folder with .git, pyproject.toml, setup.py or
attnctl.toml), in the folders above it up to the project's. What is found nowhere there is the environment's.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from attnctl.sources.digest import VERSION_PREFIX, digest
from attnctl.values import SpecError

_PROJECT = (".git", "pyproject.toml", "setup.py", "setup.cfg", "attnctl.toml")
_NEVER_LOCAL = {"attnctl", "torch", "__future__", *sys.builtin_module_names}
_INIT = "__init__.py"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file and its local imports as they were when they were read.

    entry: the file, relative to `base`. base: the folder above all of them. files: relative name -> content.
    origin: where the user has them, for messages; `base` unless this is a kept copy.
    """

    entry: str
    base: Path
    files: Mapping[str, bytes]
    hash: str
    origin: Path

    @property
    def version(self) -> str:
        """What a run's spec says of it: `ast:` and the hash."""
        return VERSION_PREFIX + self.hash

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.base / self.entry

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return PurePosixPath(self.entry).stem


@dataclass(frozen=True)
class Scope:
    """Where the local imports of a file are looked up: `roots`, nearest first; `only`: no other top-level name."""

    roots: tuple[Path, ...]
    only: str | None = None

    def covers(self, name: str) -> bool:
        """Whether a top-level name may be local at all."""
        return name not in _NEVER_LOCAL if self.only is None else name == self.only


_READ: dict[Path, tuple[list[tuple[Path, tuple[int, ...]]], Source]] = {}
"""file -> the files it needed with their stats, and what was read: one command asks for a file many times."""

KNOWN: dict[str, Source] = {}
"""version -> what this process has read of users' files: what it plans, it can keep."""


def read(file: Path) -> Source:
    """A user's file and its local imports as they are now; raises SpecError with file and line if it is not Python."""
    entry = Path(os.path.abspath(file))  # noqa: PTH100 - a link in the path is part of where the imports are
    known = _READ.get(entry)
    if known is None or any(_stat(path) != stat for path, stat in known[0]):
        known = _READ[entry] = _read(entry, _scope(entry))
        KNOWN[known[1].version] = known[1]
    return known[1]


def read_within(file: Path, scope: Scope) -> Source:
    """A file and those of its imports that a scope holds. Raises SpecError."""
    return _read(file, scope)[1]


def _read(entry: Path, scope: Scope) -> tuple[list[tuple[Path, tuple[int, ...]]], Source]:
    contents: dict[Path, bytes] = {}
    trees: dict[Path, ast.Module] = {}
    stats = []
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in trees:
            continue
        stats.append((path, _stat(path)))
        contents[path], trees[path] = _parsed(path)
        waiting += [needed for item in imports(path, trees[path], scope) for needed in item.files]
    base = Path(os.path.commonpath([path.parent for path in contents]))
    return stats, Source(
        entry=entry.relative_to(base).as_posix(),
        base=base,
        files={path.relative_to(base).as_posix(): data for path, data in sorted(contents.items())},
        hash=digest({os.path.relpath(path, entry.parent): tree for path, tree in trees.items()}),
        origin=base,
    )


@dataclass(frozen=True)
class Import:
    """A local import: the statement, the root in which it was found, and the files that it runs."""

    node: ast.Import | ast.ImportFrom
    alias: ast.alias
    root: Path
    files: tuple[Path, ...]


def imports(path: Path, tree: ast.Module, scope: Scope) -> Iterator[Import]:
    """The local imports of a file, wherever in it they stand; raises SpecError for one that leaves the scope."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        for alias in node.names:
            for parts in _meant(node, alias):
                if relative:
                    found = _find(parts, (_above(path, node, scope),))
                else:
                    found = _find(parts, scope.roots) if scope.covers(parts[0]) else None
                if found is not None:
                    yield Import(node, alias, *found)
                    break


def _meant(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> list[tuple[str, ...]]:
    """What an import can mean: `from a import b` a module b in a, else a name in a."""
    if isinstance(node, ast.Import):
        return [tuple(alias.name.split("."))]
    parts = tuple(node.module.split(".")) if node.module else ()
    return [(*parts, alias.name), parts]


def _find(parts: tuple[str, ...], roots: tuple[Path, ...]) -> tuple[Path, tuple[Path, ...]] | None:
    """The root in which a dotted name lies, and the files that importing it runs; no parts mean the root itself."""
    for root in roots:
        folder, files = root, []
        for part in parts[:-1]:
            folder = folder / part
            if (folder / _INIT).is_file():
                files.append(folder / _INIT)
        ends = (folder / parts[-1] / _INIT, folder / f"{parts[-1]}.py") if parts else (folder / _INIT,)
        for last in ends:
            if last.is_file():
                return root, (*files, last)
    return None


def _above(path: Path, node: ast.Import | ast.ImportFrom, scope: Scope) -> Path:
    """The folder that the dots of a relative import mean."""
    level = node.level if isinstance(node, ast.ImportFrom) else 0
    folder = path.parents[min(level, len(path.parents)) - 1]
    if not any(folder.is_relative_to(root) for root in scope.roots):
        raise SpecError(f"{path}:{node.lineno}: `{ast.unparse(node)}` imports from above its project's folder")
    return folder


def _scope(entry: Path) -> Scope:
    folders = list(entry.parents)
    for number, folder in enumerate(folders[:-1]):
        if any((folder / name).exists() for name in _PROJECT):
            return Scope(tuple(folders[: number + 1]))
    return Scope((entry.parent,))


def _parsed(path: Path) -> tuple[bytes, ast.Module]:
    try:
        data = path.read_bytes()
        return data, ast.parse(data, str(path))
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    except (SyntaxError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}:{getattr(error, 'lineno', None) or 1}: this is not Python: {_words(error)}") from error


def _words(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _stat(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
