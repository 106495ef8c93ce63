"""Published weights by name, as the user's caches of torch and of the Hugging Face hub hold them.

Nothing here uses a network. torchvision and timm are asked in a separate process for the address of a name; answers are
cached by the versions of the libraries.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from attnctl import backbones, user_cache
from attnctl.sources import isolated
from attnctl.values import SpecError

_KIND = "published-weights"
_SECONDS = 300.0
_DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Published:
    """Published weights. name: as typed. url: of the file; or repository and file: on the Hugging Face hub."""

    name: str
    url: str = ""
    repository: str = ""
    file: str = ""

    @property
    def path(self) -> Path | None:
        """The file in the user's cache; None if it is not there."""
        return next((path for path in self._paths() if path.is_file()), None)

    @property
    def target(self) -> Path:
        """Where a download of the address goes, as torch itself names it."""
        return torch_cache() / PurePosixPath(self.url).name

    def _paths(self) -> Iterable[Path]:
        if self.url:
            return [self.target]
        folder = hub_cache() / f"models--{self.repository.replace('/', '--')}" / "snapshots"
        snapshots = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
        names = dict.fromkeys((self.file, "model.safetensors", "pytorch_model.bin"))
        return [path / name for path in snapshots for name in names]


def torch_cache() -> Path:
    """The folder of torch's downloads, as torch.hub has it."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def hub_cache() -> Path:
    """The folder of the Hugging Face hub's downloads, as huggingface_hub has it."""
    if given := os.environ.get("HF_HUB_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def describe(keys: Mapping[str, tuple[str, str]]) -> dict[str, Published]:
    """Key -> the weights, for the name and backbone of each key. Raises SpecError for a name that does not exist."""
    asked = {key: _library_and_name(*item) for key, item in keys.items()}
    cached = {key: user_cache.key_of(*item, user_cache.library_versions()) for key, item in asked.items()}
    answers = {key: user_cache.read(_KIND, name) for key, name in cached.items()}
    unknown = {key: asked[key] for key, answer in answers.items() if answer is None}
    if unknown:
        request = {key: {"library": library, "name": name} for key, (library, name) in unknown.items()}
        found = isolated.ask(
            "attnctl.networks.weights.catalogue",
            request,
            [],
            what="looking published weights up",
            seconds=_SECONDS,
        )
        for key, answer in found.items():
            answers[key] = answer
            if "error" not in answer:
                user_cache.write(_KIND, cached[key], answer)
    for key, answer in answers.items():
        if answer is None or "error" in answer:
            raise SpecError(f"{keys[key][0]}: {(answer or {}).get('error', 'it is not known')}")
    return {key: Published(name=keys[key][0], **(answer or {})) for key, answer in answers.items()}


def _library_and_name(word: str, backbone: str) -> tuple[str, str]:
    """Such as (torchvision, resnet50) for `torchvision:default` and a backbone; raises SpecError."""
    library, _, name = word.partition(":")
    if name != _DEFAULT:
        return library, name
    built, _, function = backbones.describe(backbone).build.partition(":")
    if library == "yolox" or built != library:
        raise SpecError(f"{word}: backbone {backbone} is not a network of {library}; name the weights themselves")
    return library, function.removesuffix(backbones.NO_SE)


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
