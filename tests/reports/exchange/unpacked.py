"""Archives, unpacked."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(file: Path, into: Path) -> Path:
    with tarfile.open(file) as tar:
        tar.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder
