"""Data sets that `attnctl data pack` has written: shards of resized images, and `packed.json` with their digests.

A shard is a plain tar of `0000012.jpg` and `0000012.cls` members, as WebDataset reads it; the index of a part says
where each image is. The digest of `packed.json` is the content of the data set: it contains those of all shards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from attnctl import own_data
from attnctl.datasets.fingerprint import DataFile, data_file
from attnctl.files import open_regular, read_regular, reason
from attnctl.units import quantity
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json

MANIFEST = "packed.json"
INDEX = "index.bin"
PARTS = ("train", "val")

FORMAT = 1
"""Of the manifest and the index; raised when one of them changes."""

_MOST = 1 << 31


@dataclass(frozen=True)
class Shard:
    """A shard as it was written. size: in bytes."""

    images: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """The shards of a part, named by their numbers. index: the SHA-256 of its index."""

    index: str
    shards: tuple[Shard, ...]

    @property
    def images(self) -> int:
        """The number of images."""
        return sum(shard.images for shard in self.shards)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What `packed.json` says. Without parts, the packing has not ended.

    source: the name of the data set. side: of the shorter sides, in pixels; quality: of the JPEG files, 0 for pixels
    that are not compressed. height: the side of the images for a network. classes: the names, by number.
    """

    format: int
    source: str
    side: int
    quality: int
    height: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    classes: tuple[str, ...]
    parts: Mapping[str, Part] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The content of the file."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @property
    def content(self) -> str:
        """See `attnctl.datasets.Dataset.content`."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True)
class PackedFolder:
    """A folder with packed images."""

    root: Path
    manifest: Manifest

    is_split = False
    notes: Sequence[str] = ()
    parts = PARTS

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of images in the training and in the evaluated part."""
        train, val = (self.manifest.parts[part].images for part in PARTS)
        return train, val

    @property
    def files(self) -> list[DataFile]:
        """The shards and the manifest; raises SpecError naming a shard that is missing or has another size."""
        files = [data_file(self.root, self.root / MANIFEST)]
        for part in PARTS:
            for path, shard in zip(self.shards(part), self.manifest.parts[part].shards, strict=True):
                item = data_file(self.root, path)
                if item.size != shard.size:
                    raise SpecError(f"{path} has {item.size} bytes instead of {shard.size}; {self.advice}")
                files.append(item)
        return files

    def shards(self, part: str) -> list[Path]:
        """The shards of a part."""
        return [shard_path(self.root, part, number) for number in range(len(self.manifest.parts[part].shards))]

    @property
    def advice(self) -> str:
        """What to do about a damaged file."""
        return f"{_again(self.manifest, self.root)}, which repairs it"


def shard_path(root: Path, part: str, number: int) -> Path:
    """The file of a shard."""
    return root / part / f"{number:05d}.tar"


def is_packed(root: Path) -> bool:
    """Whether a folder holds packed images."""
    return (root / MANIFEST).is_file()


def read_manifest(root: Path) -> Manifest:
    """The manifest of a folder; raises SpecError if it is missing or damaged."""
    path = root / MANIFEST
    try:
        manifest = untrusted_json.decode(Manifest, untrusted_json.loads_object(read_regular(path)))
        _check(manifest)
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {reason(error)}") from error
    except ValueError as error:
        raise SpecError(f"{path} is damaged: {error}") from error
    return manifest


def scan(root: Path) -> PackedFolder:
    """The packed images of a folder; raises SpecError if the packing has not ended, or naming a damaged shard."""
    manifest = read_manifest(root)
    folder = PackedFolder(root, manifest)
    if not manifest.parts:
        raise SpecError(f"{root} is not packed completely; {_again(manifest, root)}")
    folder.files  # noqa: B018 checks that they are there
    return folder


def _again(manifest: Manifest, root: Path) -> str:
    source = manifest.source
    what = f"the folder of {own_data.stem(source)}" if own_data.is_own(source) else source
    return f"run `attnctl data pack` again with {what} and {root}"


def damaged(folder: PackedFolder, part: str, number: int) -> str:
    """An error message if a shard is not the one that was written; else empty. Reads the whole shard."""
    path = folder.shards(part)[number]
    if digest(path) == folder.manifest.parts[part].shards[number].sha256:
        return ""
    return f"{path} is damaged: its SHA-256 is not that of {MANIFEST}; {folder.advice}"


def digest(path: Path) -> str:
    """The SHA-256 of a file; raises SpecError."""
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {reason(error)}") from error


def _check(manifest: Manifest) -> None:
    """Raise ValueError for a value that no manifest has."""
    if manifest.format != FORMAT:
        raise ValueError(f"format {manifest.format}; this attnctl reads format {FORMAT}")
    if manifest.parts and set(manifest.parts) != set(PARTS):
        raise ValueError(f"it has {quantity(len(manifest.parts), 'part')} instead of {len(PARTS)}")
    numbers = [
        number for part in manifest.parts.values() for shard in part.shards for number in (shard.images, shard.size)
    ]
    if not all(0 < number < 1 << 50 for number in numbers):
        raise ValueError("a number is out of range")
    if not 0 < manifest.height < _MOST or not manifest.classes:
        raise ValueError("it has no classes or no size of images")
