"""Importing users' files, each source under a package name of its own and without touching sys.path.

A user's db.py, jobs.py or random.py therefore shadows no other module, and two files of the same name, or two versions
of one file, can be loaded side by side. Absolute imports of local files are rewritten to that package in the syntax
tree; all other imports work as usual.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType

from attnctl.sources.closure import Scope, Source, imports

_PREFIX = "attnctl_own_"


def import_name(source: Source) -> str:
    """Register a source in this process and return the module name to import its file by."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    package = _PREFIX + source.hash
    _FINDER.packages.setdefault(package, source)
    return f"{package}.{_dotted(source.entry)}"


def running() -> Collection[Source]:
    """The sources registered in this process."""
    return _FINDER.packages.values()


def _dotted(name: str) -> str:
    """`nets/gate.py` as `nets.gate`; an __init__.py as its package."""
    parts = PurePosixPath(name).with_suffix("").parts
    return ".".join(part.replace(".", "_") for part in (parts[:-1] if parts[-1] == "__init__" else parts))


class _Finder(MetaPathFinder):
    """Finds the packages of registered sources and the modules in them."""

    def __init__(self) -> None:
        self.packages: dict[str, Source] = {}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Implement importlib's MetaPathFinder.find_spec."""
        package, _, rest = fullname.partition(".")
        source = self.packages.get(package)
        if source is None:
            return None
        for name in source.files:
            if _dotted(name) == rest:
                is_package = name.endswith("__init__.py")
                file = str(source.base / name)
                return spec_from_loader(fullname, _Loader(source, name, package), origin=file, is_package=is_package)
        if not rest or any(_dotted(name).startswith(f"{rest}.") for name in source.files):
            folder = ModuleSpec(fullname, None, is_package=True)
            folder.submodule_search_locations = []
            return folder
        return None


_FINDER = _Finder()


class _Loader(Loader):
    """Runs one file of a source; writes no .pyc file."""

    def __init__(self, source: Source, name: str, package: str) -> None:
        self.source, self.name, self.package = source, name, package

    def exec_module(self, module: ModuleType) -> None:
        """Run the file in the module's namespace."""
        module.__file__ = str(self.source.base / self.name)
        exec(self.code(), vars(module))  # noqa: S102 - runs the user's code on purpose

    def code(self) -> CodeType:
        """The compiled file, with its absolute imports of local files redirected to this source's package."""
        path = self.source.base / self.name
        tree = ast.parse(self.source.files[self.name], str(path))
        roots = {id(item.alias): item.root for item in imports(path, tree, _scope(self.source))}
        tree = ast.fix_missing_locations(_Redirect(self.source.base, self.package, roots).visit(tree))
        return compile(tree, str(path), "exec", dont_inherit=True)

    def get_source(self, _fullname: str) -> str:
        """The file's text, for tracebacks and the module inspect."""
        return self.source.files[self.name].decode()


def _scope(source: Source) -> Scope:
    """The scope of a source's own files: imports that were not local when it was read belong to the environment."""
    return Scope(tuple(parent for parent in source.path.parents if parent.is_relative_to(source.base)))


class _Redirect(ast.NodeTransformer):
    """Rewrites `import helpers` to `from attnctl_own_<hash> import helpers`, and so on.

    roots: id of an alias node -> root folder of its import
    """

    def __init__(self, base: Path, package: str, roots: dict[int, Path]) -> None:
        self.base, self.package, self.roots = base, package, roots

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """Rewrite `import a.b`, which binds a and runs a.b, and `import a.b as c`, which binds a.b."""
        statements: list[ast.stmt] = []
        for alias in node.names:
            if id(alias) not in self.roots:
                statements.append(ast.Import([alias]))
                continue
            prefix = self._prefix(alias)
            folder, _, last = alias.name.rpartition(".")
            if alias.asname is None and folder:
                statements.append(ast.Import([ast.alias(f"{prefix}.{alias.name}", f"_attnctl_{last}")]))
                top = alias.name.partition(".")[0]
                statements.append(ast.ImportFrom(prefix, [ast.alias(top)], 0))
            else:
                statements.append(ast.ImportFrom(f"{prefix}.{folder}".rstrip("."), [ast.alias(last, alias.asname)], 0))
        return [ast.copy_location(item, node) for item in statements]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """Rewrite `from a import b`; relative imports need no change."""
        roots = [alias for alias in node.names if id(alias) in self.roots]
        if node.level == 0 and roots:
            node.module = f"{self._prefix(roots[0])}.{node.module}"
        return node

    def _prefix(self, alias: ast.alias) -> str:
        parts = self.roots[id(alias)].relative_to(self.base).parts
        return ".".join([self.package, *(part.replace(".", "_") for part in parts)])
