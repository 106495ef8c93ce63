"""The networks of torchvision and timm that are not in the table, and the parts of any network.

Planning does not import torch: the libraries' names are read from their sources, and a network is built once, on the
meta device, in a separate process. The result is cached in the user's cache folder, under a key that changes with the
libraries and our own networks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from attnctl import sources, user_cache
from attnctl.backbones.places import TracedNetwork
from attnctl.backbones.table import NO_SE, TIMM
from attnctl.sources import isolated, plugins
from attnctl.values import SpecError, did_you_mean
from attnctl.workspace import untrusted_json

_LONGEST = 900.0
"""Time limit in seconds for building a network and one forward on the meta device."""


@cache
def torchvision_names() -> tuple[str, ...]:
    """The classification networks that torchvision registers, read from its source."""
    return _registered("torchvision", r"@register_model\(\)\n(?:@.*\n)*def (\w+)\(")


@cache
def timm_names() -> tuple[str, ...]:
    """The networks that timm registers, read from its source; empty if timm is not installed."""
    return _registered("timm", r"@register_model\n(?:@.*\n)*def (\w+)\(")


def _registered(package: str, pattern: str) -> tuple[str, ...]:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return ()
    folder = Path(spec.submodule_search_locations[0], "models")
    sources = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    return tuple(sorted({name for source in sources for name in re.findall(pattern, source)}))


def check_name(name: str, known: tuple[str, ...]) -> None:
    """Raise SpecError with the nearest name unless a library has a network of that name.

    known: the names of our own table, for the error.
    """
    name = name.removesuffix(NO_SE)
    if not name.startswith(TIMM):
        if name not in torchvision_names():
            raise SpecError(f"unknown backbone {name!r}{did_you_mean(name, (*known, *torchvision_names()))}")
        return
    short = name.removeprefix(TIMM)
    if find_spec("timm") is None:
        raise SpecError(f"backbone {name} needs the package timm: pip install timm")
    if short.partition(".")[0] in timm_names() and "." in short:
        raise SpecError(f"backbone {name}: weights are not loaded; remove {short.partition('.')[2]!r}")
    if short not in timm_names():
        raise SpecError(f"timm has no network {short!r}{did_you_mean(short, timm_names())}")


@cache
def measured(name: str) -> TracedNetwork:
    """The parts of the backbone of that name; raises SpecError when it cannot be built."""
    key = f"{re.sub(r'[^A-Za-z0-9_.]', '_', name)}-{_key(name)}"
    kept = user_cache.read("networks", key)
    if kept is not None:
        with contextlib.suppress(ValueError):
            return untrusted_json.decode(TracedNetwork, kept)
    found = _measure(name)
    user_cache.write("networks", key, dataclasses.asdict(found))
    return found


def _measure(name: str) -> TracedNetwork:
    """Run `attnctl.backbones.measure`, in this process if torch is already imported."""
    if "torch" in sys.modules:
        from attnctl.backbones.measure import measure

        with contextlib.redirect_stdout(sys.stderr):  # a network's own code may print
            return measure(name)
    function = plugins.function(name)
    version = function.version if function is not None else ""
    asked = function.name if function is not None and sources.is_own(version) else name
    answer = isolated.ask(
        "attnctl.backbones.measure",
        {"name": asked, "version": version},
        [version],
        what=f"building backbone {asked}",
        seconds=_LONGEST,
    )
    return untrusted_json.decode(TracedNetwork, answer)


def _key(name: str) -> str:
    """The cache key of a measurement: the name, the libraries' versions, and our own sources."""
    ours = user_cache.digest_of(Path(__file__).parent.glob("*.*"))
    return user_cache.key_of(name, plugins.version_of(name), user_cache.library_versions(), ours)
