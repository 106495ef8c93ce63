"""Modules, backbones and data sets from users' files and from installed packages.

A file is named as `./mine.py:MyAttention`; in a run's spec it is `mine:MyAttention` with the version `ast:<hash>`, and
the file is stored in the workspace. A package registers the entry points below, each a name for `module:object`; a spec
has that name and the version `package:<hash>`, and the same release must be installed where the run is trained. Nothing
here imports torch or runs users' code.
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
"""Entry point groups."""

PACKAGE_PREFIX = "package:"
"""The prefix of the version of a module or backbone from an installed package."""


@dataclass(frozen=True)
class Function:
    """A user's function that builds a network for a number of classes. name, version: as in a run's spec."""

    name: str
    version: str
    import_name: str
    attribute: str

    @property
    def key(self) -> str:
        """Its unique key, by which it is imported: `module:function`."""
        return f"{self.import_name}:{self.attribute}"


def is_own(name: str) -> bool:
    """Whether a name refers to a user's file."""
    return sources.is_reference(name)


# ----------------------------------------------------------------------------------------------------------- files


def module(text: str) -> ModuleSource:
    """The module that `./mine.py:MyAttention` names; raises SpecError."""
    reference = sources.parse(text, "module", "./mine.py:MyAttention")
    source = sources.read(reference.file)
    declared = read_class(source.files[source.entry], reference.file, "", reference.attribute)
    return _module(sources.narrowed(source, declared.class_name), reference)


def backbone(text: str) -> Function:
    """The backbone that `./net.py:build` names; raises SpecError."""
    reference = sources.parse(text, "backbone", "./net.py:build")
    source = sources.read(reference.file)
    attribute = read_function(source.files[source.entry], reference.file, reference.attribute, "classes")
    return _function(sources.narrowed(source, attribute), reference)


def stored_module(name: str, version: str, folder: Path | None) -> ModuleSource:
    """The module of a run's spec, from the files stored in the workspace; raises SpecError.

    folder: the workspace's folder of sources; None for the files that this process has read (when planning the run).
    """
    source = stored_source(name, version, folder)
    return _module(source, Reference(name, source.path, name.partition(":")[2]))


def stored_backbone(name: str, version: str, folder: Path | None) -> Function:
    """The backbone of a run's spec, from the files stored in the workspace; raises SpecError."""
    source = stored_source(name, version, folder)
    return _function(source, Reference(name, source.path, name.partition(":")[2]))


def stored_source(name: str, version: str, folder: Path | None) -> Source:
    """The user's files with that version, for a part of a run's spec; raises SpecError.

    folder: the workspace's folder of sources; None for the files that this process has read or remembers.
    """
    if folder is not None:
        return sources.load(folder, version)
    if version not in sources.READ_SOURCES:
        raise SpecError(f"{name} is a user's file; name the workspace that keeps its source")
    return sources.READ_SOURCES[version]


def _module(source: Source, reference: Reference) -> ModuleSource:
    data = source.files[source.entry]
    declared = read_class(data, reference.file, sources.import_name(source), reference.attribute)
    return replace(declared, name=f"{source.stem}:{declared.class_name}", version=source.version)


def _function(source: Source, reference: Reference) -> Function:
    attribute = read_function(source.files[source.entry], reference.file, reference.attribute, "classes")
    result = Function(f"{source.stem}:{attribute}", source.version, sources.import_name(source), attribute)
    return _FUNCTIONS.setdefault(result.key, result)


_FUNCTIONS: dict[str, Function] = {}


def function(key: str) -> Function | None:
    """The function of a user's file read by this process, by key, or of a package, by name; None if unknown."""
    if key in _FUNCTIONS:
        return _FUNCTIONS[key]
    return packaged_backbone(key) if key in registered(BACKBONES) else None


# -------------------------------------------------------------------------------------------------------- packages


@cache
def registered(group: str) -> dict[str, importlib.metadata.EntryPoint]:
    """The entry points of a group by name; if two packages use one name, the first that Python finds wins."""
    points: dict[str, importlib.metadata.EntryPoint] = {}
    for item in importlib.metadata.entry_points(group=group):
        points.setdefault(item.name, item)
    return points


@cache
def packaged_module(name: str) -> ModuleSource:
    """The module that a package registers under a name; raises SpecError when it is not a valid module."""
    item = registered(MODULES)[name]
    source = _installed(item)
    declared = read_class(source.files[source.entry], source.path, item.module, item.attr)
    return replace(declared, name=name, version=PACKAGE_PREFIX + source.hash)


@cache
def packaged_backbone(name: str) -> Function:
    """The backbone that a package registers under a name; raises SpecError when it is not a valid backbone."""
    item = registered(BACKBONES)[name]
    source = _installed(item)
    attribute = read_function(source.files[source.entry], source.path, item.attr, "classes")
    return Function(name, PACKAGE_PREFIX + source.hash, item.module, attribute)


def check_installed(part: str, local: str, submitted: int | str) -> None:
    """Raise SpecError when an installed package differs from the one that a run was submitted with.

    part: the module or backbone, for the message. local: the version installed here.
    """
    if str(submitted).startswith(PACKAGE_PREFIX) and local != submitted:
        raise SpecError(
            f"{part} is not what the run was submitted with ({local or 'none'} is installed here, not {submitted}); "
            "install that release, or sweep again"
        )


def version_of(name: str) -> str:
    """The version of the backbone that a package registers under a name; empty if there is none."""
    return packaged_backbone(name).version if name in registered(BACKBONES) else ""


def _installed(item: importlib.metadata.EntryPoint) -> Source:
    """The file of an entry point and its imports within its own package, without running anything."""
    top, *rest = item.module.split(".")
    prefix = f"entry point {item.name!r} of {item.dist.name if item.dist else 'a package'}"
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise SpecError(f"{prefix}: there is no package {top!r}")
    origin = Path(spec.origin)
    folder = origin.parent.parent if spec.submodule_search_locations else origin.parent
    stem = folder.joinpath(top, *rest)
    file = next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()), None)
    if file is None:
        raise SpecError(f"{prefix}: there is no module {item.module}")
    return sources.read_within(file, Scope((folder,), only=top))
