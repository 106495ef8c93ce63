"""The formats in which a trained network's weights can be written, by the suffix of the file; without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attnctl.values import SpecError, comma_join

Format = Literal["safetensors", "pt", "onnx"]

SUFFIXES: dict[str, Format] = {".safetensors": "safetensors", ".pt": "pt", ".pth": "pt", ".onnx": "onnx"}


def format_of(path: Path, named: Format | None) -> Format:
    """The named format, else that of the file's suffix; raises SpecError."""
    if named is not None:
        return named
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise SpecError(
            f"cannot tell the format from the suffix of {path.name}; use {comma_join(SUFFIXES)}, or add --format"
        )
    return found
