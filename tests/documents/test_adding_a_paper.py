"""docs/adding-a-paper.md: its file is a paper, its console session prints what it shows, and it can be swept."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from attnctl import papers
from tests.attnctl.cli.cli_run import without_slurm
from tests.documents import console
from tests.documents.tour import ROOT, check

PAGE = ROOT / "docs" / "adding-a-paper.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file of the page."""
    without_slurm(monkeypatch)
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / "my-ema.toml").write_text(found[1], encoding="utf-8")
    return tmp_path


def test_the_session_prints_what_the_page_shows(folder: Path) -> None:
    check("console", folder, PAGE)


def test_the_numbers_are_those_of_the_built_in_paper(folder: Path) -> None:
    built_in = {row.name: row for row in papers.load("ema").tables["1"].rows}
    for row in papers.load(str(folder / "my-ema.toml")).tables["1"].rows:
        assert row.published == {key: built_in[row.name].published[key] for key in ("params", "top1")}


def test_the_table_can_be_swept(folder: Path) -> None:
    line = "attnctl sweep --table ./my-ema.toml:1 --dataset digits --epochs 1 --seed 0 --run-on local --dry-run"
    printed = console.run(line, folder, os.environ)
    assert "4 runs: 4 new" in printed
