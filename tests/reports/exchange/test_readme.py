"""The README.txt of an archive."""

from __future__ import annotations

from attnctl import __version__
from attnctl.reports.exchange.readme import render
from attnctl.reports.exchange.rerun_commands import Again

CELL = Again(label="ela kernel=7", command="attnctl sweep ela --kernel 7", runs=("0a", "1b"), rows=("ResNet50+ELA",))


def test_the_readme_lists_the_content_and_the_commands_to_retrain() -> None:
    text = render("Sweep first", "2 runs, 1 of them completed", ["attnctl sweep ela"], ["abc+"], [CELL])
    lines = text.splitlines()
    assert lines[:2] == ["Sweep first", "==========="]
    assert f"2 runs, 1 of them completed; packed by attnctl {__version__}." in lines
    for line in ("    attnctl sweep ela", "    abc+", "    attnctl sweep ela --kernel 7"):
        assert line in lines
    assert "    # ResNet50+ELA: ela kernel=7, runs 0a, 1b" in lines
    assert text.endswith("\n")


def test_no_line_of_the_list_of_files_is_wider_than_a_page() -> None:
    text = render("t", "1 run", [], [], [])
    assert max(map(len, text.splitlines())) <= 118
    for name in ("table.md", "lock.json", "runs/", "manifest.json"):
        assert name in text


def test_unknown_facts_are_not_shown() -> None:
    text = render("t", "1 run", [], [], [])
    assert "asked for by" not in text
    assert "commits" not in text
