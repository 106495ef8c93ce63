"""The format of a weights file is that of its suffix, unless it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.networks.weights.formats import format_of
from attnctl.values import SpecError


def test_the_format_is_that_of_the_suffix_unless_it_is_named() -> None:
    names = ("a.safetensors", "a.PT", "b.pth", "c.onnx")
    assert [format_of(Path(name), None) for name in names] == ["safetensors", "pt", "pt", "onnx"]
    assert format_of(Path("weights.bin"), "safetensors") == "safetensors"


def test_an_unknown_suffix_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"suffix of weights\.bin; use \.safetensors, \.pt, \.pth, \.onnx, or add --fo"):
        format_of(Path("weights.bin"), None)
