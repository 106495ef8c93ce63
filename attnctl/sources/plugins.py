"""What a command may name beside the built-in modules, backbones and data sets: users' files, and installed packages.

A file is named as `./mine.py:MyAttention`; in a run's spec it is `mine:MyAttention` with the version `ast:<hash>`, and
the file itself is kept in the workspace. A package registers by the entry points below, each a name to `module:object`;
in a spec it has that name and the version `package:<hash>`, and it must be installed, unchanged, where the run is
trained. Nothing here imports torch, or runs a user's code.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from attnctl import sources
from attnctl.sources import Reference, Scope, Source
from attnctl.sources.signature import ModuleSource, read_class, read_function
from attnctl.values import SpecError

MODULES, BACKBONES, DATASETS = "attnctl.attention", "attnctl.backbones", "attnctl.datasets"
"""The groups of entry points."""

PACKAGE_PREFIX = "package:"
"""What the version of a module or backbone begins with when it comes from an installed package."""


@dataclass(frozen=True)
class Function:
    """A user's function that builds a network of a number of classes. name, version: as a spec has them."""

    name: str
    version: str
    import_name: str
    attribute: str

    @property
    def key(self) -> str:
        """What tells it from every other, and where it is imported from: `module:function`."""
        return f"{self.import_name}:{self.attribute}"


def is_own(name: str) -> bool:
    """Whether a name means a user's file."""
    return sources.is_reference(name)


# ----------------------------------------------------------------------------------------------------------- files


def module(text: str) -> ModuleSource:
    """The module that `./mine.py:MyAttention` names; raises SpecError."""
    reference = sources.parse(text, "module", "./mine.py:MyAttention")
    return _module(sources.read(reference.file), reference)


def backbone(text: str) -> Function:
    """The backbone that `./net.py:build` names; raises SpecError."""
    reference = sources.parse(text, "backbone", "./net.py:build")
    return _function(sources.read(reference.file), reference)


def kept_module(name: str, version: str, folder: Path | None) -> ModuleSource:
    """The module of a run's spec, from the files kept in the workspace; raises SpecError.

    folder: None takes what this process has read, as the one does that plans the run.
    """
    source = _kept(name, version, folder)
    return _module(source, Reference(name, source.path, name.partition(":")[2]))


def kept_backbone(name: str, version: str, folder: Path | None) -> Function:
    """The backbone of a run's spec, from the files kept in the workspace; raises SpecError."""
    source = _kept(name, version, folder)
    return _function(source, Reference(name, source.path, name.partition(":")[2]))


def _kept(name: str, version: str, folder: Path | None) -> Source:
    if folder is not None:
        return sources.kept(folder, version)
    if version not in sources.KNOWN:
        raise SpecError(f"{name} is a user's file; name the workspace that keeps its source")
    return sources.KNOWN[version]


def _module(source: Source, reference: Reference) -> ModuleSource:
    data = source.files[source.entry]
    found = read_class(data, reference.file, sources.import_name(source), reference.attribute)
    return replace(found, name=f"{source.stem}:{found.class_name}", version=source.version)


def _function(source: Source, reference: Reference) -> Function:
    attribute = read_function(source.files[source.entry], reference.file, reference.attribute, "classes")
    found = Function(f"{source.stem}:{attribute}", source.version, sources.import_name(source), attribute)
    return _FUNCTIONS.setdefault(found.key, found)


_FUNCTIONS: dict[str, Function] = {}


def function(key: str) -> Function | None:
    """The function of a user's file by its key, of those that this process has read; or a package's, by its name."""
    if key in _FUNCTIONS:
        return _FUNCTIONS[key]
    return packaged_backbone(key) if key in registered(BACKBONES) else None


# -------------------------------------------------------------------------------------------------------- packages


@cache
def registered(group: str) -> dict[str, importlib.metadata.EntryPoint]:
    """The entry points of a group, by name; of two packages' with one name, the first that Python finds."""
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for item in importlib.metadata.entry_points(group=group):
        found.setdefault(item.name, item)
    return found


@cache
def packaged_module(name: str) -> ModuleSource:
    """The module that a package registers under a name; raises SpecError when it is none."""
    item = registered(MODULES)[name]
    source = _installed(item)
    found = read_class(source.files[source.entry], source.path, item.module, item.attr)
    return replace(found, name=name, version=PACKAGE_PREFIX + source.hash)


@cache
def packaged_backbone(name: str) -> Function:
    """The backbone that a package registers under a name; raises SpecError when it is none."""
    item = registered(BACKBONES)[name]
    source = _installed(item)
    attribute = read_function(source.files[source.entry], source.path, item.attr, "classes")
    return Function(name, PACKAGE_PREFIX + source.hash, item.module, attribute)


def check_installed(what: str, here: str, submitted: int | str) -> None:
    """Raise SpecError when an installed package is not the one that a run was submitted with. Both are versions."""
    if str(submitted).startswith(PACKAGE_PREFIX) and here != submitted:
        raise SpecError(
            f"{what} is not what the run was submitted with ({here or 'none'} is installed here, not {submitted}); "
            "install that release, or sweep again"
        )


def version_of(name: str) -> str:
    """The version of the backbone that a package registers under a name; empty when none does."""
    return packaged_backbone(name).version if name in registered(BACKBONES) else ""


def _installed(item: importlib.metadata.EntryPoint) -> Source:
    """The file of an entry point and what of its own package it imports, without running any of it."""
    top, *rest = item.module.split(".")
    where = f"entry point {item.name!r} of {item.dist.name if item.dist else 'a package'}"
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise SpecError(f"{where}: there is no package {top!r}")
    origin = Path(spec.origin)
    folder = origin.parent.parent if spec.submodule_search_locations else origin.parent
    stem = folder.joinpath(top, *rest)
    file = next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()), None)
    if file is None:
        raise SpecError(f"{where}: there is no module {item.module}")
    return sources.read_within(file, Scope((folder,), only=top))
