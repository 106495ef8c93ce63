"""Networks that are measured before they can be planned with."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import backbones


def test_a_measured_network_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbones.library.measured.cache_clear()
    first = backbones.library.measured("squeezenet1_0")
    (kept,) = (tmp_path / "attnctl" / "networks").glob("squeezenet1_0-*.json")
    backbones.library.measured.cache_clear()
    monkeypatch.setattr(backbones.library, "_measure", lambda name: pytest.fail(f"{name} was measured again"))
    assert backbones.library.measured("squeezenet1_0") == first
    kept.write_text("{torn")
    backbones.library.measured.cache_clear()
    with pytest.raises(pytest.fail.Exception):
        backbones.library.measured("squeezenet1_0")
