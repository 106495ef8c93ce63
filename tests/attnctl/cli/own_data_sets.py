"""A package with data sets of its own, as it is when installed, and the command line beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

DESCRIPTORS = """
from attnctl.datasets import DataFile, Dataset

_COMMON = dict(version=1, classes=2, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
FOLDERS = Dataset(
    name="myfolders", layout="imagefolder", folder="myfolders", height=32, width=32, train_size=8, test_size=4,
    files=(DataFile("train"), DataFile("val")), default_backbone="resnet20", recipe="imagenet-resnet", **_COMMON)
_DETECT = dict(height=0, width=0, names=("cup", "pen"), train_parts=("train",), test_parts=("val",), train_size=4,
    test_size=2, recipe="digits-det", tasks=("detect",), **_COMMON)
VOC = Dataset(name="myvoc", layout="voc", folder="myvoc", files=(DataFile("JPEGImages"),), **_DETECT)
COCO = Dataset(name="mycoco", layout="coco", folder="mycoco", files=(DataFile("train"),), **_DETECT)
"""
ENTRY_POINTS = """[attnctl.datasets]
myfolders = my_sets:FOLDERS
myvoc = my_sets:VOC
mycoco = my_sets:COCO
"""

Command = Callable[..., subprocess.CompletedProcess[str]]


def installed(place: Path) -> Command:
    """Put the package into the folder `place`; gives the command line, which finds it there."""
    described = place / "my_sets-1.0.dist-info"
    described.mkdir(parents=True)
    (place / "my_sets.py").write_text(DESCRIPTORS)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: my-sets\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(ENTRY_POINTS)
    environment = os.environ | {"PYTHONPATH": str(place)}

    def attnctl(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "attnctl", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return attnctl
