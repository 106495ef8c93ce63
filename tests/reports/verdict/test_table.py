"""A verdict as tables, and in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from attnctl import papers
from attnctl.reports import formats, latex, published, verdict
from attnctl.reports.selection import ALL
from attnctl.reports.table import Cell, ReportTable, all_rows
from attnctl.reports.verdict import TableVerdict
from attnctl.workspace.layout import Workspace
from tests.reports.pdflatex import compiled
from tests.reports.report_workspace import cells, families, specs, table, train

EAN = papers.load("ean")
EAN2 = table("ean:2")
VALUES = {
    "ResNet50": (77.60, 77.61, 77.62),
    "ResNet50+SE": (78.2, 78.5, 78.8),
    "ResNet50+EAN": (80.2, 80.6, 80.8),
    "ResNet50+CA": (79.0,),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> TableVerdict:
    workspace = Workspace(tmp_path_factory.mktemp("verdict"))
    for row, values in VALUES.items():
        for spec, value in zip(specs(EAN2, row, ("0", "1", "2")), values, strict=False):
            train(workspace, spec, value)
    items = cells(EAN2, (), ("0", "1", "2"))
    chosen = published.runs_of(EAN2, items, families(workspace, items), ALL, asked=True)
    return verdict.judge(EAN, EAN2, chosen, changed=["trained with less."])


def rows(made: ReportTable) -> dict[str, dict[str, Cell]]:
    return {
        f"{group.title} | {row.header[0]}": dict(zip([column.name for column in made.columns], row.cells, strict=True))
        for group, row in all_rows(made)
    }


def test_a_cell_has_its_numbers_and_its_verdict(judged: TableVerdict) -> None:
    (made,) = verdict.tables([judged])
    found = {name: {key: cell.printed for key, cell in line.items()} for name, line in rows(made).items()}
    group = "Table 2, ResNet50"
    assert found[f"{group} | ResNet50"]["verdict"] == "agrees"
    assert found[f"{group} | ResNet50+EAN"]["verdict"] == "differs"
    settled = found[f"{group} | ResNet50+SE"]
    assert (settled["verdict"], settled["more"]) == ("not settled with 3 seeds", "5")
    single = found[f"{group} | ResNet50+CA"]
    assert (single["verdict"], single["more"]) == ("not settled with 1 seed", "1 or more")
    assert found[f"{group} | ResNet50+SA"]["verdict"] == "not run"
    assert rows(made)[f"{group} | ResNet50+CA"]["measured"].state == "n=1 of 3: not run"


def test_a_claim_has_its_comparisons(judged: TableVerdict) -> None:
    (made,) = verdict.tables([judged])
    line = rows(made)["Claim 2: open | ResNet50+EAN against ResNet50+SE"]
    assert (line["published"].printed, line["measured"].printed) == ("+0.91", "+2.03")
    assert (line["verdict"].printed, line["seeds"].value) == ("supported", 3)
    complexity = rows(made)["Claim 4: contradicted | ResNet50+EAN against ResNet50+SA"]
    assert complexity["verdict"].printed == "contradicted"
    assert complexity["measured"].printed == "+236"


def test_the_notes_say_what_the_verdicts_mean(judged: TableVerdict) -> None:
    (made,) = verdict.tables([judged])
    totals = "cells: 1 agrees, 1 differs, 2 not settled, 24 not run; claims: 0 supported, 1 contradicted, 2 open"
    assert verdict.summary([judged]) == totals
    assert made.notes[0] == f"{totals}."
    assert any(note.startswith("Claim 2: “EAN surpasses SOTA methods") for note in made.notes)
    assert "Table 2: trained with less." in made.notes


def test_several_tables_become_one_for_formats_that_hold_one(judged: TableVerdict) -> None:
    other = verdict.judge(EAN, EAN.tables["5"], {})
    both = verdict.together([judged, other])
    assert both.title == "EAN, tables 2, 5: verdict"
    parts = verdict.tables([judged, other])
    assert [row.header for _, row in all_rows(both)] == [row.header for part in parts for _, row in all_rows(part)]
    texts = {note.mark: note.text for note in both.footnotes}
    assert len(set(texts.values())) == len(texts)


def test_a_verdict_in_every_format(judged: TableVerdict, tmp_path: Path) -> None:
    made = verdict.together([judged])
    assert ReportTable.from_json(json.loads(formats.named("json").render(made))) == made
    lines = list(csv.DictReader(io.StringIO(formats.named("csv").render(made))))
    assert len(lines) == len(list(all_rows(made)))
    assert {line["verdict_printed"] for line in lines} >= {"agrees", "differs", "supported"}
    for name in ("markdown", "html", "terminal"):
        assert "not settled with 3 seeds" in formats.named(name).render(made)
    compiled(tmp_path, latex.render_standalone(made))


@pytest.mark.parametrize("name", papers.names())
def test_the_longest_verdict_of_each_paper_compiles(name: str, tmp_path: Path) -> None:
    paper = papers.load(name)
    made = verdict.tables([verdict.judge(paper, item, {}) for item in paper.tables.values()])
    longest = max(made, key=lambda item: len(list(all_rows(item))))
    compiled(tmp_path, latex.render_standalone(longest))


def test_what_was_measured_on_other_data_is_counted_apart(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    items = cells(EAN2, dataset="digits")
    train(workspace, next(spec for item in items if item.row.name == "ResNet50" for spec in item.specs), 90.0)
    found = verdict.judge(EAN, EAN2, published.runs_of(EAN2, items, families(workspace, items), ALL))
    assert verdict.summary([found]).startswith(
        "cells: 0 agree, 0 differ, 0 not settled, 1 not compared, 27 not run; claims: "
    )
    (made,) = verdict.tables([found])
    assert [row.cells[3].printed for _, row in all_rows(made) if row.header == ("ResNet50", "Top-1 Acc")] == [
        "not compared"
    ]
