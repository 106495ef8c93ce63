"""What `init` of a paper's row, and `--init`, may name: a row of a table, a run, a file, or published weights."""

from __future__ import annotations

import re
from dataclasses import dataclass

RANDOM = "random"
"""Random weights, also where a paper's row has others."""

LIBRARIES = ("torchvision", "timm", "yolox")
"""Whose published weights can be named: `torchvision:ResNet50_Weights.IMAGENET1K_V1`, `timm:resnet50.a1_in1k`."""

_ROW = re.compile(r"(?P<paper>.+):(?P<table>[A-Za-z0-9_-]+)/(?P<row>[^@]+)(@(?P<column>[^@/]+))?")
_RUN = re.compile(r"run:[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True)
class RowName:
    """A row of a paper's table, and a column if its columns are trained apart: `ean:1/MobileNetV2+SE@c100`."""

    paper: str
    table: str
    row: str
    column: str = ""

    @classmethod
    def of(cls, word: str) -> RowName | None:
        """The row that a word names; None if it names something else."""
        match = _ROW.fullmatch(word) if not is_published(word) else None
        return cls(**{name: text or "" for name, text in match.groupdict().items()}) if match is not None else None

    def __str__(self) -> str:
        column = f"@{self.column}" if self.column else ""
        return f"{self.paper}:{self.table}/{self.row}{column}"


def is_published(word: str) -> bool:
    """Whether a word names published weights."""
    library, colon, name = word.partition(":")
    return library in LIBRARIES and bool(colon) and bool(name)


def published_key(word: str, backbone: str) -> str:
    """What published weights are found by: the default ones belong to a backbone."""
    return f"{word} {backbone}" if word.endswith(":default") else word


def is_run(word: str) -> bool:
    """Whether a word is `run:` and the id of a run."""
    return _RUN.fullmatch(word) is not None
