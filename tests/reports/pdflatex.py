"""Documents that pdfLaTeX really compiles."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from attnctl.reports import latex
from attnctl.reports.table import ReportTable
from tests.reports.report_programs import program

SIUNITX = {"siunitx 3": r"\usepackage{siunitx}", "siunitx 2": r"\usepackage{siunitx}[=v2]"}


def compiled(folder: Path, source: str) -> str:
    """The log, of a source that must compile without an overfull line."""
    pdflatex = program("pdflatex", "texlive-latex-recommended and texlive-science")
    (folder / "main.tex").write_text(source)
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    log = (folder / "main.log").read_text(errors="replace")
    assert "Overfull" not in log
    assert "Float too large" not in log
    return log


def document(folder: Path, sources: Iterable[str], preamble: str = SIUNITX["siunitx 3"]) -> str:
    """A paper that takes each of these in."""
    lines = [r"\documentclass{article}", r"\usepackage{booktabs,graphicx}", preamble, r"\begin{document}"]
    for number, source in enumerate(sources):
        (folder / f"table{number}.tex").write_text(source)
        lines.append(rf"\input{{table{number}}}\clearpage")
    return "\n".join([*lines, r"\end{document}"])


def lines(table: ReportTable, text: str) -> str:
    return next(line for line in latex.render(table).splitlines() if line.startswith(text))
