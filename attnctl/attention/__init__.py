"""The attention modules, one file each. Every module takes (B, C, H, W) and gives the same shape.

A file here is a module by its name: nothing else needs to know of it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl import sources
from attnctl.sources import plugins
from attnctl.sources.signature import ModuleSource, read_modules
from attnctl.values import Scalar, SpecError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

_FOLDER = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """The attention modules, by name, installed packages' too; the plain backbone, `none`, is not one."""
    return tuple(sorted({*_built_in(), *plugins.registered(plugins.MODULES)}))


def describe(name: str) -> ModuleSource:
    """The module of that name as its source declares it, without torch; raises SpecError with the nearest one.

    name: of a module here, of one that a package registers, or a user's file as `./mine.py:MyAttention`.
    """
    if name in _built_in():
        return _described(name)
    if plugins.is_own(name):
        return plugins.module(name)
    if name in plugins.registered(plugins.MODULES):
        return plugins.packaged_module(name)
    raise SpecError(f"unknown module {name!r}{did_you_mean(name, ('none', *names()))}")


def of_run(name: str, version: str, kept: Path | None) -> ModuleSource:
    """The module of a run's spec. kept: the workspace's folder of users' files.

    Raises SpecError when a user's file is not kept there, or an installed package is not the one it was.
    """
    if sources.is_own(version):
        return plugins.kept_module(name, version, kept)
    found = describe(name)
    plugins.check_installed(f"module {name}", found.version, version)
    return found


def create(
    name: str | ModuleSource, channels: int, map_size: tuple[int, int] | None = None, **hyperparameters: Scalar
) -> nn.Module:
    """A module for maps of `channels` channels: (B, channels, H, W) in, the same out. Raises SpecError.

    name: as `describe` takes it, or what it gave. map_size: (height, width) of the maps, for a module that must know
    them (`describe(name).needs_map`).
    """
    source = describe(name) if isinstance(name, str) else name
    values = source.resolve(hyperparameters)
    source.check(values, channels)
    size = {"map_size": map_size} if source.needs_map else {}
    module: nn.Module = getattr(import_module(source.import_name), source.class_name)(channels, **size, **values)
    return module


@cache
def _built_in() -> frozenset[str]:
    return frozenset(path.stem for path in _FOLDER.glob("[!_]*.py"))


@cache
def _described(name: str) -> ModuleSource:
    (source,) = read_modules(_FOLDER / f"{name}.py", f"{__name__}.{name}")
    return source
