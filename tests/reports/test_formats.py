"""The registry of formats."""

import pytest

from attnctl.reports import formats, latex, macros
from attnctl.reports.table import Origin, Plot
from attnctl.values import SpecError
from tests.reports.report_tables import comparison


def test_the_format_follows_the_ending(tmp_path):
    assert formats.of_file(tmp_path / "x.TEX") is formats.FORMATS["latex"]
    assert formats.of_file(tmp_path / "x.htm") is formats.FORMATS["html"]
    with pytest.raises(SpecError, match=r"no format goes with the ending '\.pdf'"):
        formats.of_file(tmp_path / "x.pdf")
    with pytest.raises(SpecError, match="did you mean 'latex'"):
        formats.named("late")


def test_latex_has_variants_and_others_have_not(tmp_path):
    assert formats.named("latex", "standalone").render(comparison()) == latex.render_standalone(comparison())
    assert formats.of_file(tmp_path / "x.tex", "macros").render(comparison()) == macros.render(comparison())
    with pytest.raises(SpecError, match="--macros goes with latex, not with csv"):
        formats.of_file(tmp_path / "x.csv", "macros")


@pytest.mark.parametrize("name", formats.FORMATS)
def test_origins_and_plots_are_for_pages_and_disturb_no_other_format(name):
    format_ = formats.named(name)
    origins = [Origin(run="0a1b", facts=(("commit", "9748be4"),))]
    plots = [Plot(title="A plot", svg="<svg></svg>")]
    made = format_.render(comparison(), origins, plots)
    if name == "html":
        assert "9748be4" in made
        assert "A plot" in made
    else:
        assert made == format_.render(comparison())
