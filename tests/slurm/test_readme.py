"""The tour of README.md on the real SLURM."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents.tour import check

pytestmark = pytest.mark.slurm


def test_the_tour_on_slurm_prints_what_the_readme_shows(
    slurm_conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", slurm_conf)
    (tmp_path / "attnctl.toml").write_text('[slurm]\ntime = "10"\ngpus_per_node = 0\n')
    check("console slurm", tmp_path)
