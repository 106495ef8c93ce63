"""The attention modules, one file each; every module maps (B, C, H, W) to the same shape.

A new file in this folder is a new module of that name; it needs no registration.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attnctl import sources
from attnctl.components import AND, AT
from attnctl.sources import plugins
from attnctl.sources.combination import combine
from attnctl.sources.signature import ModuleSource, read_modules
from attnctl.values import Scalar, SpecError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

_FOLDER = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """The names of all attention modules, including those of installed packages; without `none`, the plain backbone."""
    return tuple(sorted({*_built_in(), *plugins.registered(plugins.MODULES)}))


def describe(name: str) -> ModuleSource:
    """The declaration of a module, read without torch; raises SpecError with the most similar name.

    name: a built-in module, one that a package registers, a user's file as `./mine.py:MyAttention`, or several of these
    as `ean+se`, each with its placement if that is not the run's: `an@norm2+se@block`.
    """
    if AND in name or AT in name:
        sources = [_single(part) for part, _ in split(name)]
        return combine(sources) if len(sources) > 1 else sources[0]
    return _single(name)


def split(text: str) -> list[tuple[str, str]]:
    """The names of the modules of a text, each with its placement if it has one; raises SpecError.

    A part of the text that is not a module belongs to the placement before it, as in `ean@conv2+stage+se@block`, or to
    the path of a file.
    """
    found: list[tuple[str, str]] = []
    path = ""
    for piece in text.split(AND):
        name, placement = _placed(path + piece)
        if _is_module(name):
            found.append((name, placement))
            path = ""
        elif found and found[-1][1] and not placement and not path:
            found[-1] = (found[-1][0], f"{found[-1][1]}{AND}{piece}")
        else:
            path = f"{path}{piece}{AND}"
    if path:
        _single(_placed(path.partition(AND)[0])[0])  # raises: it is not a module
    return found


def _placed(text: str) -> tuple[str, str]:
    """A module's name and its placement, empty if there is none. An `@` in the path of a file is part of its name."""
    file, suffix, rest = text.rpartition(".py") if plugins.is_own(text) else ("", "", text)
    name, _, placement = rest.partition(AT)
    return file + suffix + name, placement


def _is_module(name: str) -> bool:
    return (
        name in _built_in() or name in plugins.registered(plugins.MODULES) or (plugins.is_own(name) and ".py" in name)
    )


def _single(name: str) -> ModuleSource:
    if name in _built_in():
        return _described(name)
    if plugins.is_own(name):
        return plugins.module(name)
    if name in plugins.registered(plugins.MODULES):
        return plugins.packaged_module(name)
    raise SpecError(f"unknown module {name!r}{did_you_mean(name, ('none', *names()))}")


def of_run(name: str, version: str, stored: Path | None) -> ModuleSource:
    """The module of a run's spec. stored: the workspace's folder of users' files.

    Raises SpecError when a user's file is not stored there, or an installed package has changed.
    """
    if sources.is_own(version):
        return plugins.stored_module(name, version, stored)
    source = describe(name)
    plugins.check_installed(f"module {name}", source.version, version)
    return source


def create(
    name: str | ModuleSource, channels: int, map_size: tuple[int, int] | None = None, /, **hyperparameters: Scalar
) -> nn.Module:
    """Create a module for feature maps (B, channels, H, W). Raises SpecError.

    name: as for `describe`, or its result. map_size: (height, width) of the maps, for a module that needs it
    (`describe(name).needs_map`).
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
