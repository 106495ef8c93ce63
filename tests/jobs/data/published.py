"""Data sets in miniature, in the very formats in which they are published."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2's cPickle wrote: its str as BINSTRING, and numpy under its old module name."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_str2(self: Any, value: bytes) -> None:
        short = len(value) < 256
        self.write(b"U" + bytes([len(value)]) + value if short else b"T" + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_str2


def python2_pickle(value: Any) -> bytes:
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def cifar_batch(count: int, classes: int, seed: int, *, fine: bool) -> dict[bytes, Any]:
    rng = np.random.default_rng(seed)
    labels = [n % classes for n in range(count)]
    named = {b"fine_labels": labels, b"coarse_labels": [n % 20 for n in labels]} if fine else {b"labels": labels}
    data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    return {b"batch_label": b"a batch", b"data": data, **named, b"filenames": [b"%d.png" % n for n in range(count)]}


def cifar100_files(train: int = 200, test: int = 100) -> dict[str, bytes]:
    return {
        "train": python2_pickle(cifar_batch(train, 100, 0, fine=True)),
        "test": python2_pickle(cifar_batch(test, 100, 1, fine=True)),
        "meta": python2_pickle({b"fine_label_names": [b"apple"]}),
    }


def cifar10_files(count: int = 20) -> dict[str, bytes]:
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    return {name: python2_pickle(cifar_batch(count, 10, n, fine=False)) for n, name in enumerate(names)}


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def write_tar(path: Path, files: dict[str, bytes], *, gz: bool = False) -> Path:
    with tarfile.open(path, "w:gz" if gz else "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def jpeg(seed: int, width: int = 60, height: int = 48, mode: str = "RGB") -> bytes:
    """An encoded image with smooth content."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    stream = io.BytesIO()
    small.resize((width, height), Image.Resampling.BILINEAR).convert(mode).save(stream, "JPEG")
    return stream.getvalue()


def image_folders(root: Path, classes: int = 3, train: int = 6, val: int = 4) -> Path:
    """root/{train,val}/<wnid>/<wnid>_<n>.JPEG, not square, one of them grey and one CMYK."""
    for part, count, first in (("train", train, 0), ("val", val, 1000)):
        for c in range(classes):
            folder = root / part / f"n{c:08d}"
            folder.mkdir(parents=True)
            for n in range(count):
                mode = {0: "L", 1: "CMYK"}.get(n, "RGB") if c == 0 else "RGB"
                (folder / f"{folder.name}_{n}.JPEG").write_bytes(jpeg(first + c * 100 + n, 60 + n, 48 + c, mode))
    return root


def image_shards(root: Path, folders: Path, per_shard: int = 4) -> Path:
    """The images of `image_folders` as WebDataset shards."""
    for part in ("train", "val"):
        (root / part).mkdir(parents=True)
        classes = sorted((folders / part).iterdir())
        pairs = [(path, c) for c, folder in enumerate(classes) for path in sorted(folder.iterdir())]
        for number, begin in enumerate(range(0, len(pairs), per_shard)):
            members: dict[str, bytes] = {}
            for offset, (path, c) in enumerate(pairs[begin : begin + per_shard]):
                key = f"{begin + offset:06d}"
                members |= {f"{key}.jpg": path.read_bytes(), f"{key}.cls": str(c).encode()}
            write_tar(root / part / f"{part}-{number:04d}.tar", members)
    return root
