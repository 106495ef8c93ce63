"""Which table is meant, and what it was swept with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attnctl import papers
from attnctl.cli.reporting import paper_tables
from attnctl.db import open_index
from attnctl.files import write_atomic
from attnctl.papers import PaperTable
from attnctl.papers.runs import Overrides, Settings, cells_of, figure_cells
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.swept_tables import SMALL, TINY
from tests.reports import report_workspace
from tests.reports.report_workspace import request

MINE = """
name = "Mine"
title = "A paper of one's own"
[tables.1]
caption = "One row"
dataset = "digits"
[[tables.1.columns]]
key = "top1"
metric = "top1"
[[tables.1.rows]]
row = "plain"
backbone = "resnet20"
"""


def record(folder: Path) -> Sweep:
    (path,) = (folder / "sweeps").glob("*.json")
    found = Sweep.read(path)
    assert found is not None
    return found


def test_the_record_names_its_table_and_a_second_sweep_continues(folder: Path, attnctl: Run) -> None:
    words = ("sweep", "--table", "nam:1", "--rows", "ResNet50,ResNet50+SE", *TINY)
    first = attnctl(*words)
    assert first.code == 0, first.err
    assert "NAM table 1: 2 runs for 2 of 2 rows, with backbone=resnet20 placement=block dataset=digits" in first.out
    assert "2 done; next: attnctl report --table nam:1" in first.out
    found = record(folder)
    assert found.name.startswith("nam-1-")
    assert (found.paper, found.table, found.figure, len(found.runs)) == ("nam", "1", "", 2)
    assert Overrides.from_json(found.overrides).fields == {
        "epochs": "1",
        "input_size": "8",
        "batch": "256",
        "norm_batch": "128",
    }
    again = attnctl("sweep", "--table", "1", "--rows", "ResNet50,ResNet50+SE", *TINY, "--dry-run")
    assert "2 runs: 2 done" in again.out
    assert again.err == "table 1 of NAM, the only paper swept in this workspace\n"
    listed = json.loads(attnctl("papers", "nam", "--json").out)["papers"][0]["parts"][0]
    assert (listed["done"], listed["trainable"]) == (2, 7)
    assert listed["changed"].startswith("backbone=resnet20 placement=block dataset=digits")
    shown = attnctl("papers", "nam").out
    assert "done: 2 of 7 trainings" in shown
    with open_index(Workspace(folder)) as index:
        index.refresh()
        table = paper_tables.chosen(None, "1", index)
        assert table.name == "nam:1"
        assert paper_tables.settings_for(index, table).default.summary() == listed["changed"]
        given = Overrides(dataset="cifar10", seeds=("5",))
        assert paper_tables.settings_for(index, table, given) == Settings(default=given)


def sweep_of(workspace: Workspace, name: str, overrides: Overrides, *, at: float = 0.0, **part: Any) -> None:
    sweep = Sweep(name=name, created=at, command=[], runs=[], overrides=overrides.to_json(), **part)
    workspace.sweeps.mkdir(parents=True, exist_ok=True)
    workspace.sweep(name).write_bytes(sweep.encode())


def test_settings_come_from_the_newest_sweep_and_seeds_from_all_equal_sweeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path)
    small, smaller = Overrides(dataset="digits", fields={"epochs": "3"}), Overrides(dataset="digits")
    sweep_of(workspace, "a", small, at=1, paper="nam", table="1")
    sweep_of(workspace, "b", smaller, at=2, paper="nam", table="1")
    sweep_of(workspace, "c", Overrides.from_json(small.to_json() | {"seeds": ["2", "1"]}), at=3, paper="nam", table="1")
    sweep_of(workspace, "d", smaller, at=4, paper="ean", table="1")
    sweep_of(workspace, "e", smaller, at=5, paper="nam", figure="1")
    with open_index(workspace) as index:
        index.refresh()
        assert [sweep.name for sweep in index.table_sweeps()] == ["e", "d", "c", "b", "a"]
        table = papers.load("nam").tables["1"]
        found = paper_tables.settings_for(index, table).default
        assert (found.summary(), found.seeds) == ("dataset=digits epochs=3", ("0", "2", "1"))
        assert "trained with dataset=digits epochs=3 instead of the paper's values (sweep c)" in capsys.readouterr().err
        assert paper_tables.settings_for(index, table, Overrides(seeds=("7",))).default.seeds == ("7",)
        assert paper_tables.settings_for(index, papers.load("nam").tables["2"]) == Settings()
        with pytest.raises(SpecError, match=r"EAN, NAM were swept here; instead of 1 type ean:1 or nam:1"):
            paper_tables.chosen(None, "1", index)


def asked(
    workspace: Workspace, name: str, of: PaperTable, rows: tuple[str, ...], at: float, overrides: Overrides
) -> None:
    """A sweep of these rows, whose runs are requested."""
    found = [spec for item in cells_of(of, overrides, rows) for spec in item.specs]
    for spec in found:
        request(workspace, spec)
    report_workspace.sweep(workspace, name, found, of, overrides, created=at)


def test_each_row_has_what_it_was_last_asked_for_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace, nam1 = Workspace(tmp_path), papers.load("nam").tables["1"]
    ghost = Overrides(dataset="digits", fields={"norm_batch": "64"})
    seeds = Overrides(dataset="digits", seeds=("0", "1"))
    asked(workspace, "a", nam1, (), 1, Overrides(dataset="digits"))
    asked(workspace, "b", nam1, ("ResNet50+SE", "ResNet50+BAM"), 2, ghost)
    asked(workspace, "c", nam1, ("ResNet50+BAM",), 3, seeds)
    with open_index(workspace) as index:
        index.refresh()
        settings = paper_tables.settings_for(index, nam1)
        assert settings.default == seeds  # those of most rows, with the seeds of both sweeps
        assert settings.parts == {"ResNet50+SE": ghost}
        assert settings.summary() == "dataset=digits (1 with others)"
        assert paper_tables.settings_for(index, nam1, ghost) == Settings(default=ghost)
    assert capsys.readouterr().err.splitlines()[:2] == [
        "trained with dataset=digits instead of the paper's values (sweep c)",
        "ResNet50+SE: trained with dataset=digits norm_batch=64 instead of the paper's values (sweep b)",
    ]


def test_rows_with_the_papers_values_stand_beside_rows_with_others(tmp_path: Path) -> None:
    workspace, nam1 = Workspace(tmp_path), papers.load("nam").tables["1"]
    asked(workspace, "a", nam1, (), 1, Overrides())
    asked(workspace, "b", nam1, ("ResNet50+SE",), 2, Overrides(fields={"norm_batch": "64"}))
    asked(workspace, "c", nam1, ("ResNet50+BAM",), 3, Overrides(fields={"norm_batch": "64"}))
    asked(workspace, "d", nam1, ("ResNet50+BAM",), 4, Overrides())
    with open_index(workspace) as index:
        index.refresh()
        settings = paper_tables.settings_for(index, nam1)
    assert settings == Settings(parts={"ResNet50+SE": Overrides(fields={"norm_batch": "64"})})


def test_each_panel_of_a_figure_has_what_it_was_last_asked_for_with(tmp_path: Path) -> None:
    workspace, ela = Workspace(tmp_path), papers.load("ela")
    figure = ela.figures["1"]
    digits, boxes = Overrides(dataset="digits"), Overrides(dataset="digits-det", init="random")
    for number, overrides in ((1, digits), (2, boxes)):
        found = [spec for item in figure_cells(figure, ela, overrides, (number,)) for spec in item.specs]
        for spec in found:
            request(workspace, spec)
        record = Sweep(
            name=f"panel{number}",
            created=float(number),
            command=[],
            runs=[spec.id for spec in found],
            paper="ela",
            figure="1",
            overrides=overrides.to_json(),
        )
        write_atomic(workspace.sweep(record.name), record.encode())
    with open_index(workspace) as index:
        index.refresh()
        settings = paper_tables.settings_for(index, figure, paper=ela)
    assert settings.of("1") == digits
    assert settings.of("2") == boxes
    cells = figure_cells(figure, ela, settings)
    assert {spec.dataset for item in cells for spec in item.specs} >= {"digits", "digits-det"}


def test_a_users_paper_is_found_from_any_folder(folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "my.toml").write_text(MINE)
    (folder.parent / "outside.toml").write_text(MINE.replace('"Mine"', '"Outside"'))
    workspace = Workspace(folder)
    for file, name in (("./my.toml", "./my.toml"), ("../outside.toml", str(folder.parent / "outside.toml"))):
        assert paper_tables.recorded_name(papers.load(file), workspace) == name
    assert attnctl("sweep", "--table", "./my.toml:1", *SMALL, "--dry-run").code == 0
    sweep_of(workspace, "a", Overrides(), paper="./my.toml", table="1")
    (folder / "below").mkdir()
    for place in (folder, folder / "below"):
        monkeypatch.chdir(place)
        found = attnctl("--workspace", str(folder), "sweep", "--table", "1", *SMALL, "--dry-run")
        assert (found.code, found.err) == (0, "table 1 of Mine, the only paper swept in this workspace\n")
        assert "my.toml:1" in attnctl("--workspace", str(folder), "papers").out
    (folder / "my.toml").unlink()
    assert (
        "no paper, and no module of a paper, was swept here"
        in attnctl("--workspace", str(folder), "sweep", "--table", "1").err
    )
