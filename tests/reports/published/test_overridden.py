"""What the runs of a table were trained with instead of the paper's values."""

from __future__ import annotations

from attnctl.papers.runs import Overrides, Settings, cells_of
from attnctl.reports import published
from attnctl.reports.published import overridden
from tests.reports.published.published_tables import EAN2
from tests.reports.report_workspace import cells, table

SMALL = Overrides(dataset="digits", fields={"epochs": "3"})
GHOST = Overrides(dataset="digits", fields={"epochs": "3", "norm_batch": "64"})


def test_differing_training_settings_are_noted() -> None:
    report = published.build(EAN2, cells(EAN2, dataset="digits", fields={"epochs": "3"}), {})
    assert report.table.notes[0] == (
        "Trained with dataset=digits epochs=3 instead of the paper's values; params and FLOPs are of the paper's "
        "networks."
    )
    assert not any("Trained with" in note for note in published.build(EAN2, cells(EAN2), {}).table.notes)


def test_rows_with_other_settings_than_most_have_a_footnote() -> None:
    items = cells_of(EAN2, Settings(default=SMALL, parts={"ResNet50": GHOST, "ResNet50+SE": Overrides()}))
    report = published.build(EAN2, items, {})
    assert "instead of the paper's values, unless a footnote says otherwise;" in report.table.notes[0]
    texts = {note.mark: note.text for note in report.table.footnotes}
    marks = {name: [texts[mark] for mark in row.marks] for name, row in report.rows()}
    assert "trained with dataset=digits epochs=3 norm_batch=64 instead of the paper's values" in marks["ResNet50"]
    assert "trained with the paper's values" in marks["ResNet50+SE"]
    assert not any("trained with" in text for text in marks["ResNet50+CA"])


def test_the_usual_settings_are_those_of_most_rows_whatever_their_seeds() -> None:
    few = Settings(default=SMALL, parts={"ResNet50": GHOST})
    assert overridden.usual(cells_of(EAN2, few)).key == SMALL.key
    seeds = Overrides(dataset="digits", fields={"epochs": "3"}, seeds=("0", "1"))
    items = cells_of(EAN2, Settings(default=SMALL, parts={"ResNet50": seeds}))
    assert overridden.footnotes(items, overridden.usual(items)) == {}
    assert overridden.usual([]) == Overrides()


def test_what_replaces_the_values_of_the_networks_that_rows_start_from_is_noted() -> None:
    ean4 = table("ean:4")
    bases = {"*": {"dataset": "digits", "fields": {"steps": "20"}}}
    note = published.build(ean4, cells(ean4, dataset="digits-det", bases=bases), {}).table.notes[0]
    assert note == (
        "Trained with dataset=digits-det instead of the paper's values; the networks that rows start from were trained "
        "with dataset=digits steps=20 instead of theirs; params and FLOPs are of the paper's networks."
    )
    only = published.build(ean4, cells(ean4, bases={"EAN:3": bases["*"]}), {}).table.notes[0]
    assert only == (
        "The networks that rows start from were trained with dataset=digits steps=20 (EAN:3) instead of theirs."
    )
