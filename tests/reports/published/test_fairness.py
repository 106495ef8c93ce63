"""What was trained otherwise than the paper."""

from __future__ import annotations

from attnctl.reports import published
from tests.reports.published.published_tables import EAN2
from tests.reports.report_workspace import cells


def test_differing_training_settings_are_noted() -> None:
    report = published.build(EAN2, cells(EAN2), {}, changed="dataset=digits epochs=3")
    assert report.table.notes[0].startswith("Trained with dataset=digits epochs=3 instead of the paper's values")
