"""How tables reach the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.reporting import delivery
from attnctl.reports import formats, latex, markdown, terminal
from tests.reports.report_tables import comparison, published


def test_tables_stand_under_each_other_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    tables = [comparison(), published()]
    said: list[str] = []
    delivery.deliver(tables, formats.named("terminal"), None, after=lambda: said.append("after"))
    assert capsys.readouterr().out == "\n".join(map(terminal.render, tables))
    assert said == ["after"]


def test_a_file_holds_the_tables_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables, file = [comparison(), published()], tmp_path / "tables.md"
    delivery.deliver(tables, formats.of_file(file), file)
    assert file.read_text() == "\n".join(map(markdown.render, tables))
    assert capsys.readouterr().err == f"written: {file}\n"


def test_of_a_single_latex_table_the_layout_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "table.tex"
    delivery.deliver([comparison()], formats.of_file(file), file)
    assert capsys.readouterr().err == f"written: {file} ({latex.choice(comparison())})\n"
    delivery.deliver([comparison(), published()], formats.of_file(file), file)
    assert capsys.readouterr().err == f"written: {file}\n"


def test_another_renderer_makes_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    delivery.deliver([comparison()], formats.named("html"), None, render=lambda table: f"page of {table.title}\n")
    assert capsys.readouterr().out == "page of Sweep first\n"
