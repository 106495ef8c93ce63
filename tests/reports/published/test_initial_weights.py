"""From which runs the rows of a paper's table start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attnctl.reports import published
from attnctl.reports.report import Report
from attnctl.workspace.layout import Workspace
from tests.reports.published.published_tables import build
from tests.reports.report_workspace import cells, specs, table, train

EAN4 = table("ean:4")
SMALL: dict[str, Any] = {"dataset": "digits-det", "bases": {"*": {"dataset": "digits"}}}


def marks(report: Report) -> dict[str, list[str]]:
    texts = {note.mark: note.text for note in report.table.footnotes}
    return {name: [texts[mark] for mark in row.marks] for name, row in report.rows()}


def trained(path: Path, *seeds: str, row: str = "SE-MobileNeXt") -> tuple[Workspace, list[str]]:
    """Runs of a row, each with its base, which reaches 70 in the first seed, 72 in the second; and the bases' ids."""
    workspace, bases = Workspace(path), []
    for number, spec in enumerate(specs(EAN4, row, seeds, **SMALL)):
        assert spec.origin is not None
        train(workspace, spec.origin, 70.0 + 2 * number)
        train(workspace, spec, 30.0)
        bases.append(spec.origin.id)
    return workspace, bases


def test_each_row_tells_the_run_that_it_starts_from(tmp_path: Path) -> None:
    workspace, (base,) = trained(tmp_path, "0")
    found = marks(build(workspace, EAN4, cells(EAN4, **SMALL)))
    assert f"starts from run {base[:8]} (se bias=true r=16, mobilenext, digits, top-1 70.00)" in found["SE-MobileNeXt"]
    assert not any("starts from" in text for text in found["CA-MobileNeXt"])  # it has no run


def test_the_bases_of_several_seeds_have_their_mean(tmp_path: Path) -> None:
    workspace, bases = trained(tmp_path, "0", "1")
    assert len(set(bases)) == 2
    found = marks(build(workspace, EAN4, cells(EAN4, (), ("0", "1"), **SMALL)))
    named = ", ".join(base[:8] for base in bases)
    assert (
        f"starts from runs {named} (se bias=true r=16, mobilenext, digits, mean top-1 71.00)" in found["SE-MobileNeXt"]
    )


def test_a_base_that_is_not_in_the_workspace_is_named_by_its_id(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (spec,) = specs(EAN4, "SE-MobileNeXt", **SMALL)
    train(workspace, spec, 30.0)
    assert spec.origin is not None
    found = marks(build(workspace, EAN4, cells(EAN4, **SMALL)))
    assert f"starts from run {spec.origin.id[:8]}" in found["SE-MobileNeXt"]


def test_rows_from_random_weights_and_tables_without_runs_have_no_such_footnote(tmp_path: Path) -> None:
    ean2 = table("ean:2")
    workspace = Workspace(tmp_path)
    train(workspace, specs(ean2, "ResNet50")[0], 70.0)
    for report in (build(workspace, ean2, cells(ean2)), published.build(EAN4, cells(EAN4, **SMALL), {})):
        assert not any("starts from" in text for texts in marks(report).values() for text in texts)
