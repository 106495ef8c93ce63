"""What a table says of its differences to the baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.db import RunRow
from attnctl.reports import comparison, formats, published
from attnctl.reports.selection import Options
from attnctl.reports.significance import Comparisons, gain_notes
from attnctl.reports.statistics.bootstrap import bca
from attnctl.reports.statistics.corrections import dunnett
from attnctl.reports.table import Cell, ReportTable
from attnctl.workspace.layout import Workspace
from tests.reports.comparison.compared import cell, three_seeds
from tests.reports.report_rows import rows
from tests.reports.report_workspace import cells, families, line, specs, train
from tests.reports.report_workspace import table as named_table

BASELINE = "the plain backbone"


def notes(table: ReportTable) -> list[str]:
    return [note for note in table.notes if note.startswith(("gain", "Welch"))]


def texts(table: ReportTable, found: Cell) -> list[str]:
    known = {note.mark: note.text for note in table.footnotes}
    return [known[mark] for mark in found.marks]


def seeded(none: list[float], *others: list[float], modules: tuple[str, ...] = ("ela", "se")) -> list[RunRow]:
    """Runs of the plain backbone and of modules with these values for the seeds 0, 1, 2 ..."""
    seeds = tuple(map(str, range(len(none))))
    used = ("none", *modules[: len(others)])
    return rows([value for values in (none, *others) for value in values], used, seeds)


PLAIN = [90.0, 90.4, 90.1, 90.6, 90.2, 90.5, 90.3, 90.7]
UP = [90.9, 91.0, 91.2, 91.3, 91.1, 91.6, 91.0, 91.9]
"""Better in each of the eight seeds."""
LIKE = [90.2, 90.3, 90.2, 90.5, 90.3, 90.4, 90.5, 90.6]


def test_the_note_says_which_interval_was_used() -> None:
    assert notes(comparison.build(three_seeds()).table) == [
        "gain: mean difference to the plain backbone over the seeds that both have, with the 95 % confidence interval "
        "of the paired t-test."
    ]
    unpaired = comparison.build(three_seeds(), options=Options(unpaired=True)).table
    assert notes(unpaired) == ["gain: difference to the plain backbone, with Welch's 95 % confidence interval."]
    assert cell(unpaired, "ela", "top1.gain").method == "welch"
    assert list(gain_notes(replace(unpaired, columns=(), groups=()), Comparisons(baseline=BASELINE))) == []


def test_rows_that_share_no_seeds_are_named() -> None:
    made = [*rows([90.0, 91.0, 92.0, 93.5], ("none", "ela"), ("0", "1")), *rows([94.0, 95.0], ("se",), ("5", "6"))]
    table = comparison.build(made).table
    assert notes(table)[1] == "Welch's interval, as fewer than two seeds are shared: SE."
    assert cell(table, "se", "top1.gain").method == "welch"
    assert cell(table, "ela", "top1.gain").method == "paired"


def test_a_gain_over_some_of_the_seeds_says_over_how_many() -> None:
    made = rows([90.0, 91.0, None, 92.0, 93.5, 99.0], ("none", "ela"), ("0", "1", "2"))
    table = comparison.build(made).table
    found = cell(table, "ela", "top1.gain")
    assert (found.value, found.n, found.seeds) == (2.25, 2, (0, 1))
    assert texts(table, found) == ["over the 2 seeds that both have"]


def test_equal_differences_are_noted_and_have_no_interval() -> None:
    table = comparison.build(rows([90.0, 91.0, 92.0, 93.0], ("none", "ela"), ("0", "1"))).table
    found = cell(table, "ela", "top1.gain")
    assert (found.value, found.interval, found.method) == (2.0, None, "paired")
    assert [note.text for note in table.footnotes] == ["equal in all seeds, so there is no interval"]
    assert notes(table) == ["gain: difference to the plain backbone."]


def test_a_significant_difference_has_a_mark_and_its_direction() -> None:
    table = comparison.build(seeded(PLAIN, UP, LIKE)).table
    assert cell(table, "ela").marks == ("*",)
    assert texts(table, cell(table, "ela")) == ["significantly better than the plain backbone, p < 0.05"]
    assert cell(table, "se").marks == ()
    worse = comparison.build(seeded(UP, PLAIN)).table
    assert cell(worse, "ela").marks == ("†",)
    assert "significantly worse" in texts(worse, cell(worse, "ela"))[0]
    assert any("Holm's correction over the 2 comparisons in top-1, and over" in note for note in table.notes)


def test_the_correction_is_over_all_comparisons_in_the_metric_that_decides() -> None:
    six = [values[:6] for values in (PLAIN, UP, LIKE)]  # p = 2/64 by itself; 2 comparisons: 0.0625
    table = comparison.build(seeded(*six)).table
    assert cell(table, "ela").marks == ()
    assert any(
        note == "Not tested against the plain backbone: with 6 seeds the sign-flip test has p >= 0.03125 "
        "(0.062 after Holm's correction over 2 comparisons in top-1 or in top-5); 7 seeds would do."
        for note in table.notes
    )


def test_the_note_says_why_few_seeds_are_not_tested() -> None:
    table = comparison.build(three_seeds(), options=Options(columns=("top1",))).table
    assert (
        "Not tested against the plain backbone: with 3 seeds the sign-flip test has p >= 0.25; 6 seeds would do."
    ) in table.notes


def test_unpaired_rows_are_tested_by_dunnett_within_their_group() -> None:
    table = comparison.build(seeded(PLAIN, UP, LIKE), options=Options(unpaired=True, statistics=True)).table
    expected = dunnett([UP, LIKE], PLAIN)
    assert [cell(table, name, "top1.corrected").value for name in ("ela", "se")] == expected
    assert cell(table, "ela").marks == ("*",)
    assert (
        "Rows that are not paired: Dunnett's test against the plain backbone, for each group and column." in table.notes
    )


def test_statistics_stand_beside_the_gain_and_from_eight_seeds_on_the_bootstrap() -> None:
    table = comparison.build(seeded(PLAIN, UP), options=Options(statistics=True)).table
    assert [column.name for column in table.columns][:6] == [
        *("top1", "top1.gain", "top1.better", "top1.p", "top1.corrected", "top1.bca")
    ]
    assert [cell(table, "ela", f"top1.{part}").value for part in ("better", "p", "corrected")] == [
        1.0,
        2 / 256,
        2 / 256,
    ]
    differences = [ours - theirs for ours, theirs in zip(UP, PLAIN, strict=True)]
    assert cell(table, "ela", "top1.bca").interval == bca(differences)
    assert any(note.startswith("BCa:") for note in table.notes)
    seven = comparison.build(seeded(PLAIN[:7], UP[:7]), options=Options(statistics=True)).table
    assert "top1.bca" not in [column.name for column in seven.columns]
    named = comparison.build(seeded(PLAIN, UP), options=Options(columns=("top1.p",))).table
    assert [column.name for column in named.columns] == ["top1.p"]


def test_of_errors_less_is_better(tmp_path: Path) -> None:
    workspace, table = Workspace(tmp_path), named_table("nam:1")
    first, second = published.build(table, cells(table), {}).names[:2]
    for name, values in ((first, PLAIN), (second, UP)):
        for spec, value in zip(specs(table, name, tuple(map(str, range(8)))), values, strict=True):
            train(workspace, spec, value)
    items = cells(table, (), tuple(map(str, range(8))))
    report = published.build(table, items, families(workspace, items), options=Options(statistics=True))
    found = line(report.table, second, report.names)
    assert found["top1.better"].value == 1.0
    assert texts(report.table, found["top1"])[0] == "significantly better than the group's plain network, p < 0.05"


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "html", "csv", "json"])
def test_every_format_shows_the_marks_and_the_notes(form: str) -> None:
    table = comparison.build(seeded(PLAIN, UP)).table
    text = formats.named(form).render(table)
    assert "significantly better than the plain backbone" in text
    shown = {
        "terminal": "91.25 ± 0.34*",
        "markdown": r"<sup>\*</sup>",
        "latex": r"\textsuperscript{*}",
        "html": ">*</a>",
    }
    assert shown.get(form, "") in text
    if form != "csv":
        assert "Tests against the plain backbone" in text.replace("\n", " ")
