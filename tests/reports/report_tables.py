"""Tables for the renderers: made by hand, arbitrary, with hostile texts, and of the shape of every published table."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from attnctl import papers
from attnctl.db.rows import RunRow
from attnctl.papers import model
from attnctl.papers.runs import Overrides, cells_of
from attnctl.reports.published import build
from attnctl.reports.table import Cell, Footnote, Group, ReportColumn, ReportTable, Row
from tests.reports.report_rows import of_specs

HOSTILE = (
    r"a&b%c_d$e#f{g}~h^i\j<script>alert(1)</script>|k`l*m*[n](o):+1:@p"
    + "\n\x1b[31m\x07"
    + """ é ± ß ''q'' --r-- "s" &amp; 中 Ж 😀 </script></table>"""
)


def comparison() -> ReportTable:
    """Modules on two backbones: what is missing, what is best, spreads."""
    top1 = ReportColumn(name="top1", title="top-1", unit="%", better="higher", measured=True)
    params = ReportColumn(name="params", title="params", unit="k", scale=1e3, decimals=3)
    seeds = ReportColumn(name="seeds", title="seeds", decimals=0)

    def row(header: str, value: float | None, state: str = "", n: int = 3, params: int = 272474, **flags: Any) -> Row:
        spread = 0.254 if n > 1 else None
        cell = Cell(value=value, spread=spread, n=n, wanted=3, state=state, runs=("0a1b", "2c3d")[:n], **flags)
        sizes = (Cell(value=params, n=1, wanted=1), Cell(value=n, n=n, wanted=3))
        return Row(header=(header, "block"), cells=(cell, *sizes))

    groups = [
        Group(
            title=f"{backbone} on digits",
            rows=(
                row("no attention", 92.5),
                row("ela kernel=7", 93.25, best=True, params=272906),
                row("se r=16", 93.0, "n=1 of 3: diverged", n=1, second=True),
                row("nam", None, "running 45%", n=0),
            ),
        )
        for backbone in ("resnet20", "resnet56")
    ]
    return ReportTable(
        title="Sweep first",
        label="tab:first",
        headers=("module", "placement"),
        columns=(top1, params, seeds),
        groups=tuple(groups),
        notes=("top-1: accuracy on the test set after the LAST epoch.", "Mean ± sample standard deviation (ddof = 1)."),
    )


def published() -> ReportTable:
    """A paper's table: each column's published number beside ours, differences, intervals, footnotes."""
    columns = [
        ReportColumn(name="params.published", title="published", span="Params (M)"),
        ReportColumn(name="params", title="as counted", span="Params (M)", scale=1e6),
        ReportColumn(name="params.exact", title="exact", span="Params (M)", scale=1e6, decimals=3),
        ReportColumn(name="params.difference", title="difference", span="Params (M)", scale=1e6, signed=True),
    ]
    for title, name in (("C10 (%)", "c10"), ("C100 (%)", "c100")):
        columns += [
            ReportColumn(name=f"{name}.published", title="published", span=title, better="higher"),
            ReportColumn(name=name, title="measured", span=title, better="higher", measured=True),
            ReportColumn(name=f"{name}.difference", title="difference", span=title, signed=True),
            ReportColumn(name=f"{name}.gain", title="gain", span=title, signed=True),
        ]

    def cells(accuracy: float, spread: float | None, gain: float | None, **flags: Any) -> tuple[Cell, Cell, Cell, Cell]:
        measured = Cell(value=accuracy, spread=spread, n=3 if spread else 1, wanted=3, runs=("0a1b", "2c3d"), **flags)
        interval = (gain - 0.31, gain + 0.31) if gain is not None else None
        return (
            Cell(printed=f"{accuracy - 0.04:.2f}", second="best" in flags),
            measured,
            Cell(value=0.04),
            Cell(value=gain, interval=interval) if gain is not None else Cell(),
        )

    def row(header: str, params: str, *measured: Cell, marks: tuple[str, ...] = ()) -> Row:
        counted = 1e6 * float(params) + 4096
        sizes = (Cell(printed=params), Cell(value=counted, marks=("b",)), Cell(value=counted), Cell(value=4096.0))
        return Row(header=(header,), cells=(*sizes, *measured), marks=marks)

    missing = (Cell(printed="9.31"), Cell(state="failed: code error", wanted=3, runs=("ffff",)), Cell(), Cell())
    diverged = cells(9.5, 1.25, -64.6, state="n=2 of 3: diverged")
    best = cells(94.11, 1.02, 1.09, best=True, marks=("a", "b"))
    groups = tuple(
        Group(
            title=backbone,
            rows=(
                row(backbone, "11.17", *cells(93.02, 0.12, None), *cells(74.1, None, None)),
                row("+SE", "11.25", *cells(93.4, 0.2, 0.38, second=True), *missing),
                row("+CBAM", "11.26", *cells(93.25, 0.31, 0.23, marks=("a",)), *diverged),
                row("+EAN", "111.19", *best, *cells(75.3, 0.4, 1.2, best=True), marks=("c",)),
            ),
        )
        for backbone in ("ResNet18", "DenseNet-121")
    )
    return ReportTable(
        title="EAN, table 1: common networks on CIFAR-10 & CIFAR-100",
        label="tab:ean:1",
        headers=("Architecture",),
        columns=tuple(columns),
        groups=groups,
        notes=("Published: as printed. Measured: mean ± sample standard deviation (ddof = 1).",),
        footnotes=(
            Footnote(mark="a", text="Global batch 64, others 128."),
            Footnote(mark="b", text="As fvcore counts, without activations."),
            Footnote(mark="c", text="Replaces normalization; others are inserted."),
        ),
    )


def hostile(words: str = HOSTILE) -> ReportTable:
    """A user's text wherever one can stand."""
    column = ReportColumn(name="top1", title=words, unit="%", better="higher", measured=True)
    other = ReportColumn(name="trait", title=words, span=words, kind="words")
    third = ReportColumn(name="third", title="third", span=words)
    full = Cell(value=12.345, spread=0.5, n=2, wanted=3, state=words, runs=("ab",), best=True, marks=("a",))
    rows = (
        Row(header=(words,), cells=(full, Cell(printed=words, second=True), Cell(printed="3.1")), marks=("a",)),
        Row(header=("* [x]",), cells=(Cell(state="queued"), Cell(printed="[y]"), Cell(printed=words))),
    )
    return ReportTable(
        title=words,
        label=words,
        headers=(words,),
        columns=(column, other, third),
        groups=(Group(title=words, rows=rows),),
        notes=(words, "1. not a list", "- nor this"),
        footnotes=(Footnote(mark="a", text=words),),
    )


def of_paper(table: model.PaperTable) -> ReportTable:
    """A paper's table with runs that were never made: three seeds of every other row, one that diverged."""
    cells = cells_of(table, Overrides(seeds=("0", "1", "2")))
    found: dict[str, list[RunRow]] = {}
    for place, item in enumerate(cells):
        for number, spec in enumerate(item.specs if place % 2 == 0 else item.specs[:1]):
            value = None if place % 4 == 2 and number == 2 else 70 + place / 7 + number
            found.setdefault(spec.family, []).extend(of_specs([spec], [value], "diverged"))
    return build(table, cells, found, asked=True).table


@cache
def of_papers() -> dict[str, ReportTable]:
    """All tables of the built-in papers, by name."""
    return {table.name: of_paper(table) for name in papers.names() for table in papers.load(name).tables.values()}


_finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
_words = st.text(max_size=12)
_name = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=4)
_names = st.lists(_name, max_size=3).map(tuple)

cells = st.builds(
    Cell,
    value=st.none() | _finite,
    printed=_words,
    spread=st.none() | _finite.map(abs),
    interval=st.none() | st.tuples(_finite, _finite),
    n=st.integers(0, 9),
    wanted=st.integers(0, 9),
    state=_words,
    runs=_names,
    best=st.booleans(),
    second=st.booleans(),
    marks=_names,
)
columns = st.builds(
    ReportColumn,
    name=_words,
    title=_words,
    span=_words,
    kind=st.sampled_from(["number", "words"]),
    unit=_words,
    scale=st.sampled_from([1.0, 1e3, 1e6]),
    decimals=st.integers(0, 4),
    signed=st.booleans(),
    better=st.sampled_from([None, "higher", "lower"]),
    measured=st.booleans(),
)


@st.composite
def tables(draw: st.DrawFn) -> ReportTable:
    """Any table."""
    headers = tuple(draw(st.lists(_words, min_size=1, max_size=2)))
    own = tuple(draw(st.lists(columns, max_size=4)))
    row = st.builds(
        Row,
        header=st.tuples(*[_words] * len(headers)),
        cells=st.tuples(*[cells] * len(own)),
        marks=_names,
    )
    group = st.builds(Group, title=_words, rows=st.lists(row, max_size=3).map(tuple))
    return ReportTable(
        title=draw(_words),
        label=draw(_words),
        headers=headers,
        columns=own,
        groups=tuple(draw(st.lists(group, max_size=3))),
        notes=tuple(draw(st.lists(_words, max_size=2))),
        footnotes=tuple(draw(st.lists(st.builds(Footnote, mark=_name, text=_words), max_size=2))),
    )
