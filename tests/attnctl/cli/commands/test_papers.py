"""`attnctl papers`: what there is, and how much of it is done."""

from __future__ import annotations

import json
from pathlib import Path

from attnctl import papers
from tests.attnctl.cli.cli_run import Run, listing


def test_all_tables_and_figures_are_listed_without_a_workspace(folder: Path, attnctl: Run) -> None:
    result = attnctl("papers")
    assert result.code == 0
    for name in papers.names():
        paper = papers.load(name)
        for kind, numbers in (("table", paper.tables), ("figure", paper.figures)):
            for number in numbers:
                assert f"\n{kind} {name}:{number} " in result.out
    assert listing(folder) == []


def test_trained_and_computed_cells_are_distinguished(folder: Path, attnctl: Run) -> None:
    document = json.loads(attnctl("papers", "--json").out)
    parts = {
        (paper["name"], part["kind"], part["number"]): part for paper in document["papers"] for part in paper["parts"]
    }
    assert (parts["ELA", "table", "3"]["waiting"], parts["ELA", "table", "3"]["trainable"]) == ({}, 7)
    assert (parts["NAM", "table", "3"]["cells"], parts["NAM", "table", "3"]["rows"]) == ([], 5)
    first = parts["EAN", "table", "1"]
    assert (first["rows"], first["trainable"], first["done"]) == (28, 56, 0)
    assert {cell["state"] for cell in first["cells"]} == {"not run"}


def test_one_paper_shows_its_rows(folder: Path, attnctl: Run) -> None:
    out = attnctl("papers", "ELA").out
    assert "table 5: ELA and other attention modules on ImageNet" in out
    assert "done: 0 of 30 trainings" in out
    assert "table 8: Attention in DeepLabV3 on Pascal VOC2012" in out
    assert "6 rows, none of which is trained" in out


def test_a_users_file_is_shown_and_an_invalid_one_is_refused(folder: Path, attnctl: Run) -> None:
    (folder / "my.toml").write_text(
        'name = "Mine"\ntitle = "t"\n[tables.1]\ncaption = "c"\n[[tables.1.columns]]\nkey = "top1"\nmetric = "top1"\n'
        '[[tables.1.rows]]\nrow = "plain"\nbackbone = "resnet20"\ndataset = "digits"\n'
    )
    assert "done: 0 of 1 training" in attnctl("papers", "./my.toml").out
    for wrong in ("elaa", "./none.toml", ""):
        result = attnctl("papers", wrong)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
