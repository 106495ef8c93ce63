"""A user's own loss, optimizer and schedule from the command line to the table, in real runs of a tiny training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.settings.config import find
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.recipes import own_files

TINY = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256", "--run-on", "local")
MEASURED = ("--metrics", "scores.py:order", "--augment", "shade.py:Shade")
OWN = (*MEASURED, "--loss", "./focal.py:Focal", "--optimizer", "lion.py:Lion", "--schedule", "stairs.py:stairs")


@pytest.fixture
def mine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    own_files.write(folder)
    return folder


def test_own_parts_are_swept_kept_and_reported(attnctl: Run, mine: Path) -> None:
    result = attnctl("sweep", "se,none", *TINY, *OWN, "--lr", "0.003", "-p", "loss.gamma=1,3", "--name", "parts")
    assert result.code == 0, result.err
    workspace = find(mine, mine, {}).workspace
    specs = [workspace.run(run_id).read_spec() for run_id in workspace.run_ids()]
    assert len(specs) == 4
    assert {spec.recipe.part_options for spec in specs} == {
        f"augment.most=0.5;loss.gamma={gamma};metrics.weight=1;optimizer.betas=0.9+0.99;schedule.factor=0.5;"
        "schedule.times=3"
        for gamma in (1, 3)
    }
    kept = {path.name for path in workspace.sources.rglob("*.py")}
    assert kept == {"focal.py", "lion.py", "stairs.py", "scores.py", "shade.py"}
    report = attnctl("report", "parts").out
    assert "order" in report.splitlines()[1]  # the metric is a column
    assert "loss.gamma=1" in report
    assert "loss.gamma=3" in report
    for file in mine.glob("*.py"):  # what was submitted counts, not what the files say now
        file.unlink()
    assert attnctl("report", "parts").out == report


def test_a_part_that_does_not_work_ends_the_dry_run_with_one_line(attnctl: Run, mine: Path) -> None:
    result = attnctl("sweep", "none", *TINY, "--loss", "./focal.py:each", "--dry-run")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert "loss focal:each gives (8,); it must give the mean over the batch, one number" in result.err
    assert not list(mine.glob("runs/*"))


def test_a_default_recipe_file_may_name_code_so_it_needs_trust(attnctl: Run, mine: Path) -> None:
    (mine / "mine.toml").write_text('base = "digits"\nloss = "focal.py:Focal"\n')
    (mine / "attnctl.toml").write_text('[defaults]\nrecipe = "mine.toml"\n')
    result = attnctl("sweep", "none", "--dry-run", "--json")
    assert result.code == 2
    assert "attnctl trust" in result.err
    (mine / "attnctl.toml").unlink()
    named = attnctl("sweep", "none", "--recipe", "mine.toml", *TINY, "--dry-run", "--json")
    assert (named.code, len(json.loads(named.out)["runs"])) == (0, 1), named.err
