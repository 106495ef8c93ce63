"""What a table says of its differences to the baseline."""

from __future__ import annotations

from dataclasses import replace

from attnctl.reports import comparison
from attnctl.reports.selection import Options
from attnctl.reports.significance import gain_notes
from attnctl.reports.table import ReportTable
from tests.reports.comparison.compared import cell, three_seeds
from tests.reports.report_rows import rows


def notes(table: ReportTable) -> list[str]:
    return [note for note in table.notes if "gain" in note or "Welch" in note]


def test_the_note_says_which_interval_was_used() -> None:
    assert notes(comparison.build(three_seeds()).table) == [
        "gain: mean difference to the plain backbone over the seeds that both have, with the 95 % confidence interval "
        "of the paired t-test."
    ]
    unpaired = comparison.build(three_seeds(), options=Options(unpaired=True)).table
    assert notes(unpaired) == ["gain: difference to the plain backbone, with Welch's 95 % confidence interval."]
    assert cell(unpaired, "ela", "top1.gain").method == "welch"
    assert list(gain_notes(replace(unpaired, columns=(), groups=()), "the plain backbone")) == []


def test_rows_that_share_no_seeds_are_named() -> None:
    made = [*rows([90.0, 91.0, 92.0, 93.5], ("none", "ela"), ("0", "1")), *rows([94.0, 95.0], ("se",), ("5", "6"))]
    table = comparison.build(made).table
    assert notes(table)[1] == "Welch's interval, as fewer than two seeds are shared: se."
    assert cell(table, "se", "top1.gain").method == "welch"
    assert cell(table, "ela", "top1.gain").method == "paired"


def test_a_gain_over_some_of_the_seeds_says_over_how_many() -> None:
    made = rows([90.0, 91.0, None, 92.0, 93.5, 99.0], ("none", "ela"), ("0", "1", "2"))
    table = comparison.build(made).table
    found = cell(table, "ela", "top1.gain")
    assert (found.value, found.n, found.seeds) == (2.25, 2, (0, 1))
    texts = {note.mark: note.text for note in table.footnotes}
    assert [texts[mark] for mark in found.marks] == ["over the 2 seeds that both have"]


def test_equal_differences_are_noted_and_have_no_interval() -> None:
    table = comparison.build(rows([90.0, 91.0, 92.0, 93.0], ("none", "ela"), ("0", "1"))).table
    found = cell(table, "ela", "top1.gain")
    assert (found.value, found.interval, found.method) == (2.0, None, "")
    assert [note.text for note in table.footnotes] == ["equal in all seeds, so there is no interval"]
    assert notes(table) == ["gain: difference to the plain backbone."]
