"""The options of `attnctl report`, from what was typed to the request and the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.reporting.options import BehindOptions, FormatOptions, ShownOptions
from attnctl.reports import formats, latex
from attnctl.reports.selection import Pivot
from attnctl.reports.spreads import with_spreads
from attnctl.values import SpecError
from tests.reports.report_tables import comparison


def test_lists_may_be_typed_in_one_option_or_in_several() -> None:
    shown = ShownOptions(table="ela:3", rows=["a,b", "c"], columns=["top1"], seed=["0..2", "7"], sort="-top1")
    request = shown.request(["first"], missing=True)
    assert (request.sweeps, request.table, request.missing) == (("first",), "ela:3", True)
    assert (request.options.rows, request.options.columns) == (("a", "b", "c"), ("top1",))
    assert (request.options.seeds, request.options.sort) == ((0, 1, 2, 7), "-top1")
    assert ShownOptions().request([], missing=False).words() == {}


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (ShownOptions(sort=""), "--sort is empty"),
        (ShownOptions(rows=["a,,b"]), "--rows is 'a,,b': a value is empty"),
        (ShownOptions(seed=["one"]), "--seed is one; it must be a whole number"),
        (ShownOptions(transpose=True), "--transpose and --delta need --pivot"),
        (ShownOptions(delta=True), "--transpose and --delta need --pivot"),
        (ShownOptions(pivot=" "), "--pivot is empty"),
        (ShownOptions(pivot="dataset", table="ela:3"), "--pivot is for a comparison"),
        (ShownOptions(pivot="dataset", evaluated=["digits"]), "--pivot is for a comparison"),
        (ShownOptions(pivot="dataset", transpose=True, delta=True), "--delta adds columns"),
        (ShownOptions(order="asked", sort="top1"), "--order and --sort are two orders"),
        (ShownOptions(order="rows"), "--order rows needs --rows"),
        (ShownOptions(order="asked", table="ela:3"), "a paper's table has the paper's order"),
        (ShownOptions(decimals=["5,5"]), "are for the same columns"),
        (ShownOptions(decimals=["7"]), "--decimals '7': write 0 to 6"),
        (ShownOptions(decimals=["top1=x"]), "--decimals 'top1=x': write 0 to 6"),
        (ShownOptions(decimals=["=1"]), "--decimals '=1': write 0 to 6"),
    ],
)
def test_invalid_display_options_are_refused(shown: ShownOptions, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        shown.request([], missing=False)


def test_a_pivot_its_order_and_its_decimals_are_part_of_the_request() -> None:
    shown = ShownOptions(pivot="backbone", delta=True, order="asked", decimals=["1,params=2"])
    request = shown.request([], missing=False)
    assert request.options.pivot == Pivot(axis="backbone", delta=True)
    assert request.options.decimals == (("", 1), ("params", 2))
    assert request.words() == {
        "--decimals": "1,params=2",
        "--order": "asked",
        "--pivot": "backbone",
        "--delta": "yes",
    }


def test_spreads_are_chosen_for_what_is_read() -> None:
    shown = ShownOptions(spread="se", spread_as="parens")
    table = comparison()
    made = shown.styled(table, formats.named("latex"))
    assert made == with_spreads(table, "se", "parens")
    assert ShownOptions().styled(table, formats.named("csv")) == table
    assert ShownOptions(spread_as="pm").styled(table, formats.named("html")) == with_spreads(table, "sd", "pm")
    with pytest.raises(SpecError, match="CSV and JSON hold the values"):
        shown.styled(table, formats.named("json"))


def test_only_one_thing_replaces_the_table_and_no_file_is_written_then() -> None:
    for behind, file in (
        (BehindOptions(missing=True, provenance=True), None),
        (BehindOptions(missing=True, cell="ELA"), None),
        (BehindOptions(missing=True), Path("x.tex")),
        (BehindOptions(cell="ELA"), Path("x.tex")),
    ):
        with pytest.raises(SpecError, match="replace the table; give only one of them, without -o"):
            behind.check(file)
    with pytest.raises(SpecError, match="--cell is empty"):
        BehindOptions(cell="").check(None)
    BehindOptions(cell="ELA", provenance=True).check(None)
    BehindOptions(lock=Path("x.json")).check(Path("x.tex"))
    assert BehindOptions(cell="ELA").origins
    assert not BehindOptions(missing=True).origins


def test_the_format_is_the_one_given_else_that_of_the_file_else_the_terminals() -> None:
    of_latex = formats.FORMATS["latex"]
    assert FormatOptions().form(as_json=False) == formats.FORMATS["terminal"]
    assert FormatOptions(format="csv", file=Path("x.tex")).form(as_json=False) == formats.FORMATS["csv"]
    assert FormatOptions(file=Path("x.tex")).form(as_json=False) == of_latex
    assert FormatOptions(format="csv").form(as_json=True) == formats.FORMATS["json"]
    assert FormatOptions(macros=True).form(as_json=False).renderer == of_latex.variants["macros"]
    with pytest.raises(SpecError, match="unknown format ''"):
        FormatOptions(format="").form(as_json=False)
    with pytest.raises(SpecError, match="different documents"):
        FormatOptions(macros=True, standalone=True).form(as_json=False)
    with pytest.raises(SpecError, match="--macros applies to latex, not to csv"):
        FormatOptions(format="csv", macros=True).form(as_json=False)


def test_how_a_latex_table_stands_in_the_document() -> None:
    given = FormatOptions(file=Path("x.tex"), position="t", star=False, notes="none", cite=True)
    assert given.form(as_json=False).layout == latex.Layout(position="t", star=False, notes="none", cite=True)
    assert FormatOptions(file=Path("x.tex")).form(as_json=False).layout is None
    with pytest.raises(SpecError, match="--position 'top': use letters of LaTeX's"):
        FormatOptions(format="latex", position="top").form(as_json=False)
    for form in ("csv", "html", "terminal"):
        with pytest.raises(SpecError, match="--cite apply to LaTeX"):
            FormatOptions(format=form, star=True).form(as_json=False)
    titled = FormatOptions(caption="Ours", label="tab:ours").titled(comparison())
    assert (titled.title, titled.label) == ("Ours", "tab:ours")
    assert FormatOptions().titled(comparison()) == comparison()
