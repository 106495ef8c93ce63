"""Whether users' modules and backbones work: built and run once, on two images, in a process of its own.

The planner stays without torch; what has passed is remembered in the user's cache folder by the content's hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from attnctl import datasets, sources
from attnctl.files import write_atomic
from attnctl.sources import plugins
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.untrusted_json import RecordError

_FIRST, _EACH = 120.0, 20.0
"""Seconds that importing torch, and that one network, may take."""


def check(specs: Sequence[RunSpec]) -> Mapping[str, str]:
    """Run id -> what is wrong, of those runs whose module or backbone is a user's or a package's and does not work."""
    keys = {spec.id: _key(spec) for spec in specs if _foreign(spec)}
    first = {key: spec for spec in reversed(specs) if (key := keys.get(spec.id)) is not None}
    unknown = {key: spec for key, spec in first.items() if not _passed(key).exists()}
    found = _run(unknown) if unknown else {}
    for key in unknown:
        if key not in found:
            with contextlib.suppress(OSError):  # a home that cannot be written costs time only
                write_atomic(_passed(key), b"")
    return {run: found[key] for run, key in keys.items() if key in found}


def _foreign(spec: RunSpec) -> bool:
    """Whether code of a user or a package makes the network."""
    versions = (spec.versions.module, spec.versions.backbone)
    return any(sources.is_own(item) or str(item).startswith(plugins.PACKAGE_PREFIX) for item in versions)


def _key(spec: RunSpec) -> str:
    """What the answer depends on: the network, the size of its input, and torch."""
    document = spec.to_json()
    parts = [document[name] for name in ("module", "hyperparameters", "backbone", "placement", "versions")]
    parts += [spec.model] if spec.model else []
    dataset = datasets.describe(spec.dataset)
    parts += [dataset.classes, spec.recipe.input_size or dataset.height, version("torch")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _passed(key: str) -> Path:
    from platformdirs import user_cache_path  # a training does without it

    return user_cache_path("attnctl") / "probes" / key


def _run(specs: Mapping[str, RunSpec]) -> dict[str, str]:
    """key -> what is wrong, of those that do not work. Raises SpecError when the process itself fails."""
    with tempfile.TemporaryDirectory(prefix="attnctl-probe-") as name:
        folder = Path(name)
        for item in {item for spec in specs.values() for item in (spec.versions.module, spec.versions.backbone)}:
            if sources.is_own(item):
                sources.keep(str(item), folder / "sources")
        request = {key: spec.to_json() for key, spec in specs.items()}
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        seconds = _FIRST + _EACH * len(specs)
        command = [sys.executable, "-P", "-m", "attnctl.networks.probe", name]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise SpecError(f"trying the module on two images did not end within {seconds:.0f} s") from None
        try:
            answer = untrusted_json.read_object(folder / "answer.json")
        except RecordError:
            answer = None
        if answer is None:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "it said nothing"
            raise SpecError(f"trying the module ended its process (exit code {done.returncode}): {last}") from None
        return answer
