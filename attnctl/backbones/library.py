"""The networks of torchvision and timm that the table does not hold, and what any network is made of.

Planning does not import torch: the libraries' names are read from their sources, and a network is built once, on the
meta device, in a process of its own. What it found is kept in the user's cache folder, under a key that moves with the
libraries and with our own networks.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from attnctl import sources
from attnctl.backbones.places import Measured
from attnctl.backbones.table import TIMM
from attnctl.sources import plugins
from attnctl.values import SpecError, did_you_mean


@cache
def torchvision_names() -> tuple[str, ...]:
    """The classification networks that torchvision registers, read from its source."""
    return _registered("torchvision", r"@register_model\(\)\n(?:@.*\n)*def (\w+)\(")


@cache
def timm_names() -> tuple[str, ...]:
    """The networks that timm registers, read from its source; none without timm."""
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
    if not name.startswith(TIMM):
        if name not in torchvision_names():
            raise SpecError(f"unknown backbone {name!r}{did_you_mean(name, (*known, *torchvision_names()))}")
        return
    short = name.removeprefix(TIMM)
    if find_spec("timm") is None:
        raise SpecError(f"backbone {name} needs the package timm: pip install timm")
    if short.partition(".")[0] in timm_names() and "." in short:
        raise SpecError(f"backbone {name}: no weights are loaded; leave {short.partition('.')[2]!r} out")
    if short not in timm_names():
        raise SpecError(f"timm has no network {short!r}{did_you_mean(short, timm_names())}")


@cache
def measured(name: str) -> Measured:
    """The parts of the backbone of that name; raises SpecError when it cannot be built."""
    from platformdirs import user_cache_path  # a training does without it

    kept = user_cache_path("attnctl") / "networks" / f"{re.sub(r'[^A-Za-z0-9_.]', '_', name)}-{_key(name)}.json"
    try:
        return Measured.from_json(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        text = _measure(name)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_name(f".{kept.name}.{id(text)}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(kept)
    except OSError:
        pass  # a home that cannot be written to costs time, not the answer
    return Measured.from_json(text)


def _measure(name: str) -> str:
    """What `python -m attnctl.backbones.measure` says; here, where torch is imported already."""
    if "torch" in sys.modules:
        from attnctl.backbones.measure import measure

        return measure(name).to_json()
    command = [sys.executable, "-P", "-m", "attnctl.backbones.measure"]
    function = plugins.function(name)
    with tempfile.TemporaryDirectory(prefix="attnctl-measure-") as folder:
        if function is not None and sources.is_own(function.version):
            sources.keep(function.version, Path(folder))
            words = [function.name, function.version, folder]
        else:
            words = [name]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise SpecError(last or f"backbone {words[0]} cannot be built: exit status {done.returncode}")
    return done.stdout


def _key(name: str) -> str:
    """What a measurement depends on: the name, the libraries' versions, and our own sources."""
    digest = hashlib.sha256(f"{name} {plugins.version_of(name)}".encode())
    for package in ("torch", "torchvision", "timm"):
        try:
            digest.update(metadata.version(package).encode())
        except metadata.PackageNotFoundError:
            digest.update(b"none")
    for path in sorted(Path(__file__).parent.glob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
