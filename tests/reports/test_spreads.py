"""The spread over seeds, as it is asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats

from attnctl.reports import comparison, latex, terminal
from attnctl.reports.spreads import NOTE, Form, Spread, with_spreads
from attnctl.reports.table import Cell, ReportColumn
from tests.reports.comparison.compared import cell, three_seeds


@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        ("sd", stats.tstd([93.0, 94.0, 96.0])),
        ("se", stats.sem([93.0, 94.0, 96.0])),
        ("ci", stats.sem([93.0, 94.0, 96.0]) * stats.t.ppf(0.975, 2)),
        ("none", None),
    ],
)
def test_the_spread_is_what_was_asked_for(spread: Spread, expected: float | None) -> None:
    made = with_spreads(comparison.build(three_seeds()).table, spread, "pm")
    found = cell(made, "ela").spread
    assert found is expected is None or math.isclose(found or 0.0, expected or 0.0, rel_tol=1e-12)
    assert NOTE in made.notes if spread == "sd" else NOTE not in made.notes
    assert sum(note.startswith("Mean") for note in made.notes) == 1


def test_an_interval_is_the_confidence_interval_of_the_mean() -> None:
    made = with_spreads(comparison.build(three_seeds()).table, "ci", "interval")
    values = [93.0, 94.0, 96.0]
    found = cell(made, "ela").interval
    assert found == pytest.approx(stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values)))
    assert "Mean over the completed seeds; in brackets: 95 % confidence interval (Student's t)." in made.notes
    gains = cell(made, "ela", "top1.gain")
    assert gains == cell(comparison.build(three_seeds()).table, "ela", "top1.gain")


@pytest.mark.parametrize(
    ("value", "spread", "decimals", "shown"),
    [
        (93.25, 0.12, 2, "93.25(12)"),
        (93.25, 1.24, 1, "93.2(12)"),
        (93.25, 0.001, 2, "93.25(0)"),
        (9.0, 12.0, 0, "9(12)"),
    ],
)
def test_parentheses_count_the_last_digit(value: float, spread: float, decimals: int, shown: str) -> None:
    column = ReportColumn(name="top1", title="top-1", decimals=decimals, measured=True, parentheses=True)
    own = Cell(value=value, spread=spread, n=3)
    assert column.show_number(own) + column.show_beside(own, " ± ") == shown
    plain = replace(column, parentheses=False)
    assert plain.show_beside(own, " ± ") == f" ± {spread:.{decimals}f}"
    assert plain.show_beside(Cell(value=1.0), " ± ") == ""


@pytest.mark.parametrize(
    ("form", "text"), [("pm", "94.33 ± 1.53"), ("parens", "94.33(153)"), ("interval", "[92.81, 95.86]")]
)
def test_every_form_is_shown_by_the_formats(form: Form, text: str) -> None:
    made = with_spreads(comparison.build(three_seeds()).table, "sd", form)
    assert text in terminal.render(made)
    assert text.replace("±", r"\pm") in latex.render(made)
