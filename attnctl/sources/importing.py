"""Running a user's files: each content under a package name of its own, and never by way of sys.path.

So a file db.py, jobs.py or random.py beside the user's own shadows nobody else's, and two files of one name, or two
states of one file, can be loaded together. Absolute imports of local files are turned to that package by the syntax
tree; what lies elsewhere is imported as always.
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
    """The name by which `importlib.import_module` gives the file as a module, from now on in this process."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    package = _PREFIX + source.hash
    _FINDER.packages.setdefault(package, source)
    return f"{package}.{_dotted(source.entry)}"


def running() -> Collection[Source]:
    """The contents that can be imported in this process."""
    return _FINDER.packages.values()


def _dotted(name: str) -> str:
    """`nets/gate.py` as `nets.gate`; a package's __init__.py is the package."""
    parts = PurePosixPath(name).with_suffix("").parts
    return ".".join(part.replace(".", "_") for part in (parts[:-1] if parts[-1] == "__init__" else parts))


class _Finder(MetaPathFinder):
    """Finds the packages of contents, and their modules among the content's files."""

    def __init__(self) -> None:
        self.packages: dict[str, Source] = {}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As importlib asks for it."""
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
    """Runs one file of a content; nothing compiled is written beside it."""

    def __init__(self, source: Source, name: str, package: str) -> None:
        self.source, self.name, self.package = source, name, package

    def exec_module(self, module: ModuleType) -> None:
        """Run the file in the module."""
        module.__file__ = str(self.source.base / self.name)
        exec(self.code(), vars(module))  # noqa: S102 - the user's own code, which is what was asked for

    def code(self) -> CodeType:
        """The file's code, its absolute imports of local files turned to this content's package."""
        path = self.source.base / self.name
        tree = ast.parse(self.source.files[self.name], str(path))
        found = {id(item.alias): item.root for item in imports(path, tree, _scope(self.source))}
        tree = ast.fix_missing_locations(_Redirect(self.source.base, self.package, found).visit(tree))
        return compile(tree, str(path), "exec", dont_inherit=True)

    def get_source(self, _fullname: str) -> str:
        """The file's text, for tracebacks and inspect."""
        return self.source.files[self.name].decode()


def _scope(source: Source) -> Scope:
    """Within the content alone: what was not taken for local when it was read is the environment's now too."""
    return Scope(tuple(parent for parent in source.path.parents if parent.is_relative_to(source.base)))


class _Redirect(ast.NodeTransformer):
    """Turns `import helpers` into `from attnctl_own_<hash> import helpers`, and so on. found: id of alias -> root."""

    def __init__(self, base: Path, package: str, found: dict[int, Path]) -> None:
        self.base, self.package, self.found = base, package, found

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """`import a.b` gives the name a, and runs b; `import a.b as c` gives b."""
        made: list[ast.stmt] = []
        for alias in node.names:
            if id(alias) not in self.found:
                made.append(ast.Import([alias]))
                continue
            prefix = self._prefix(alias)
            folder, _, last = alias.name.rpartition(".")
            if alias.asname is None and folder:
                made.append(ast.Import([ast.alias(f"{prefix}.{alias.name}", f"_attnctl_{last}")]))
                top = alias.name.partition(".")[0]
                made.append(ast.ImportFrom(prefix, [ast.alias(top)], 0))
            else:
                made.append(ast.ImportFrom(f"{prefix}.{folder}".rstrip("."), [ast.alias(last, alias.asname)], 0))
        return [ast.copy_location(item, node) for item in made]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """`from a import b`; relative ones are right as they are."""
        roots = [alias for alias in node.names if id(alias) in self.found]
        if node.level == 0 and roots:
            node.module = f"{self._prefix(roots[0])}.{node.module}"
        return node

    def _prefix(self, alias: ast.alias) -> str:
        parts = self.found[id(alias)].relative_to(self.base).parts
        return ".".join([self.package, *(part.replace(".", "_") for part in parts)])
