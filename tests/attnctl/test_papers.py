"""The papers' files: how a printed figure is read, and that each published number stands in its paper's text.

The texts are not part of the repository: they are looked for in ../shared/papers. EMA has none there: six rows of its
table 1 are NAM's, which has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from attnctl import attention, backbones, datasets, papers
from attnctl.networks.complexity import CONVENTIONS, Written
from attnctl.papers import Figure, PaperColumn, PaperTable, Row
from attnctl.papers.audit import cells, read, rounded, tables
from attnctl.papers.model import COUNTED
from attnctl.papers.runs import Overrides, cells_of
from attnctl.values import SpecError

TABLES = [table for name in papers.names() for table in papers.load(name).tables.values()]
CELLS = [(table, row, column) for table in TABLES for row in table.rows for column in table.columns]
TEXTED = [table for table in TABLES if table.paper in {"AN", "EAN", "ELA", "NAM"}]
"""The tables of papers whose text is there."""

TEXTS = Path(__file__).parents[3] / "shared" / "papers"
FIGURES = [figure for name in papers.names() for figure in papers.load(name).figures.values()]

BELOW = {"ean:1", "ean:2", "ean:3", "ean:4", "ean:5", "an:1", "an:2", "an:3", "an:4", "ela:5"}
"""The tables whose caption stands below them; all others' stands above."""

GROUPED = {"an:2", "an:3"}
"""The tables whose first column names the group, once, and whose second names the row."""

FORMULAS = {"nam:3", "nam:4"}
"""The tables whose first row says in brackets what the formulas of its cells mean."""

MENDED = {"Bankbones": "Backbones", "BackBones": "Backbones"}
SIGNS = {r"\checkmark": "yes", "\N{MULTIPLICATION SIGN}": "no", "\N{CYRILLIC CAPITAL LETTER HA}": "no"}
with_texts = pytest.mark.skipif(not TEXTS.is_dir(), reason=f"the papers' texts are not there: {TEXTS}")


def test_every_name_in_a_file_is_one() -> None:
    for _, row, column in CELLS:
        setup = row.setup_of(column)
        for way in (setup.params_as, setup.flops_as):
            assert way == "exact" or way in CONVENTIONS or way in {"linear.weight", "conv.weight", "batch_norm.weight"}
        Written(**setup.written)
        if setup.task != papers.CLASSIFICATION or column.kind in {"trait", "words"}:
            continue
        assert setup.module == "none" or setup.module in attention.names()
        assert setup.maps or (backbones.describe(setup.backbone) and datasets.describe(setup.dataset))
        assert cells(setup)  # the placement and the hyperparameters too


@pytest.mark.parametrize(
    ("printed", "unit", "expected"),
    [
        ("25.56M", "G", (Decimal("25.56"), "M", Decimal("0.01"))),
        ("1.824", "G", (Decimal("1.824"), "G", Decimal("0.001"))),
        ("11.690", "M", (Decimal("11.690"), "M", Decimal("0.001"))),
        ("392", "", (Decimal(392), "", Decimal(1))),
        ("512*4*512*4/16*2", "", (Decimal(524288), "", Decimal(1))),
        ("2*1*7*7", "", (Decimal(98), "", Decimal(1))),
    ],
)
def test_a_printed_figure_is_a_number_a_unit_and_a_last_digit(
    printed: str, unit: str, expected: tuple[Decimal, str, Decimal]
) -> None:
    assert read(printed, unit) == expected


@pytest.mark.parametrize("printed", ["", "about 3M", "3.5MB", "1e6", "4*", "-1M"])
def test_an_unknown_figure_is_an_error(printed: str) -> None:
    with pytest.raises(SpecError, match="is not a number"):
        read(printed, "M")


@pytest.mark.parametrize(
    ("exact", "unit", "digits", "expected"),
    [
        (3_504_872, "M", "0.01", "3.50"),
        (3_505_000, "M", "0.01", "3.51"),  # half goes up
        (3_504_999, "M", "0.01", "3.50"),
        (356_504_960, "M", "0.01", "356.50"),
        (1_824_033_792, "G", "0.001", "1.824"),
        (900_459, "MiB", "0.01", "3.43"),  # parameters of four bytes
        (524_288, "", "1", "524288"),
    ],
)
def test_a_count_is_rounded_half_up_to_the_printed_digit(exact: int, unit: str, digits: str, expected: str) -> None:
    assert str(rounded(exact, unit, Decimal(digits))) == expected


def test_unknown_papers_and_tables_are_errors_with_the_choices() -> None:
    with pytest.raises(SpecError, match="unknown paper 'elaa'; did you mean 'ela'"):
        tables("elaa")
    with pytest.raises(SpecError, match="ELA has no table '1' with parameters or FLOPs; it has 2, 3, 4, 5, 6, 7, 8"):
        tables("ELA", "1")
    with pytest.raises(SpecError, match="no paper has a table '9'"):
        tables(table="9")
    assert {row.paper for row in tables(table="1")} == {"AN", "EAN", "EMA", "NAM"}


@with_texts
@pytest.mark.parametrize("table", TEXTED, ids=lambda table: table.name)
def test_every_row_and_cell_of_a_table_is_the_texts(table: PaperTable) -> None:
    assert list(differences(table)) == []


@with_texts
def test_all_tables_exist() -> None:
    printed = {f"{table.paper.lower()}:{number}" for table in TEXTED for number in _captions(table.paper.lower())}
    assert {table.name for table in TEXTED} == printed
    assert (len(TEXTED), len(TABLES)) == (21, 24)


@with_texts
@pytest.mark.parametrize("table", TEXTED, ids=lambda table: table.name)
def test_a_wrong_digit_a_missing_number_and_a_missing_row_are_found(table: PaperTable) -> None:
    for index, row in enumerate(table.rows):
        assert list(differences(replace(table, rows=(*table.rows[:index], *table.rows[index + 1 :]))))
        for key, text in row.published.items():
            less = {name: value for name, value in row.published.items() if name != key}
            for wrong in (less, {**row.published, key: _wrong(text)}):
                rows = list(table.rows)
                rows[index] = replace(row, published=wrong)
                assert list(differences(replace(table, rows=tuple(rows))))


@with_texts
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.paper.lower()}:{figure.number}")
def test_values_printed_in_a_figure_match_the_row_that_it_draws(figure: Figure) -> None:
    tables = papers.load(figure.paper).tables
    series = {item["title"]: item for item in figure.settings.get("series", ())}
    for title, points in figure.published.items():
        (row,) = [row for row in tables[series[title]["table"]].rows if row.name == series[title]["row"]]
        assert points == {str(row.setup.hyperparameters[figure.x]): row.published[series[title]["column"]]}


def differences(table: PaperTable) -> Iterator[str]:
    """Where a table is not the text's, in words."""
    header, *lines = _printed(table.paper.lower(), table.number)
    yield from _headers(table, _cells(table, header))
    if len(lines) != len(table.rows):
        yield f"{len(table.rows)} rows, {len(lines)} in the text"
    group = ""
    for row, line in zip(table.rows, lines, strict=False):
        if table.name in GROUPED:
            group = line[0] or group
            if row.group != group:
                yield f"{row.name}: in group {row.group}, {group} in the text"
            line = line[1:]
        label, *cells = _cells(table, line)
        if _bare(row.printed) != _bare(label):
            yield f"{row.name}: called {row.printed}, {label} in the text"
        if len(cells) != len(table.columns):
            yield f"{row.name}: {len(table.columns)} columns, {len(cells)} in the text"
        for column, cell in zip(table.columns, cells, strict=False):
            yield from _cell(row, column, _value(table, column, cell))


def _headers(table: PaperTable, header: list[str]) -> Iterator[str]:
    """Where the columns are not called as in the text; a unit in brackets is the column's."""
    titles = header[2 if table.name in GROUPED else 1 :]
    for column, printed in zip(table.columns, titles, strict=True):
        name, _, unit = _bare(MENDED.get(printed, printed)).removesuffix(")").partition("(")
        base, *scripts = re.findall(r"[_^]?[^_^]+", name)
        name = base + "".join(part[1:] for part in sorted(scripts, reverse=True))  # AP^bb_50 is our AP50 bb
        if name != _bare(column.title) or (unit and unit != column.unit):
            yield f"column {column.title} in {column.unit}, {printed} in the text"


def _cell(row: Row, column: PaperColumn, printed: str | None) -> Iterator[str]:
    ours = row.published.get(column.key)
    if ours != printed:
        yield f"{row.name}, {column.key}: {ours}, {printed} in the text"


def _value(table: PaperTable, column: PaperColumn, cell: str) -> str | None:
    """What a cell of the text says; none when it says nothing, as a dash does where there should be a count."""
    if table.name in FORMULAS:
        cell = cell.partition(" (")[0]
    if not cell.strip() or (column.metric in COUNTED and cell == "-"):
        return None
    return cell if column.metric == "words" and "$" not in cell else SIGNS.get(cell, _bare(cell))


def _bare(text: str) -> str:
    """A text of the papers without its mathematics and blanks."""
    text = re.sub(r"\\(?:mathrm|operatorname)\{(.*?)\}", r"\1", text)
    return re.sub(r"[\s${}]", "", text.replace(r"^{\dagger}", "\N{DAGGER}").replace(r"\%", "%"))


def _cells(table: PaperTable, line: Sequence[str]) -> list[str]:
    """A line's cells; EAN's table 1 prints parameters and FLOPs in one."""
    if table.name == "ean:1":
        return [line[0], *line[1].split("/"), *line[2:]]
    return list(line)


def _printed(paper: str, number: str) -> list[list[str]]:
    """A table of a text: the cells of its header and rows."""
    lines, caption = _lines(paper), _captions(paper)[number]
    step = -1 if f"{paper}:{number}" in BELOW else 1
    at = caption + step
    while not lines[at]:
        at += step
    found = []
    while 0 <= at < len(lines) and "\t" in lines[at]:
        found.append([cell.strip() for cell in lines[at].split("\t")])
        at += step
    return found[::step]


@cache
def _lines(paper: str) -> tuple[str, ...]:
    return tuple((TEXTS / f"{paper}.md").read_text(encoding="utf-8").splitlines())


@cache
def _captions(paper: str) -> dict[str, int]:
    """The tables of a text by number, and the lines of their captions."""
    found = {}
    for at, line in enumerate(_lines(paper)):
        if caption := re.match(r"Table (\d+)[:.] ", line):
            found[caption[1]] = at
    return found


def _wrong(text: str) -> str:
    """A text with another last digit, or another word."""
    if not re.search(r"\d", text):
        return f"{text}!"
    return re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 1) % 10), text)


def rows_of(paper: str, module: str) -> list[tuple[PaperTable, Row]]:
    of_paper = papers.load(paper).tables.values()
    return [(table, row) for table in of_paper for row in table.rows if row.setup.module == module]


def test_eans_rows_are_its_authors_code() -> None:
    """They divide gamma by its root mean square; in MobileNeXt, G is 16 at 18 places."""
    rows = rows_of("ean", "ean")
    assert len(rows) == 16
    assert {row.setup.hyperparameters["form"] for _, row in rows} == {"released"}
    in_mobilenext = [row.setup for _, row in rows if row.setup.backbone == "mobilenext"]
    assert len(in_mobilenext) == 4
    for setup in in_mobilenext:
        assert (setup.placement, setup.hyperparameters["G"]) == ("second-depthwise", 16)
    assert len(backbones.channels("mobilenext", "second-depthwise")) == 18


def test_the_rows_that_ema_took_from_nam_have_nams_numbers_and_runs() -> None:
    """EMA's README prints accuracies, NAM's table errors."""
    names = {
        "ResNet50": "ResNet50",
        "ResNet50+SE": "ResNet50+SE",
        "ResNet50+BAM": "ResNet50+BAM",
        "ResNet50+CBAM": "ResNet50+CBAM",
        "ResNet50+TAM": "ResNet50+TAM",
        "ResNet50+NAM": "ResNet50+NAM(sp)",
    }
    ema, nam = (papers.load(name).tables["1"] for name in ("ema", "nam"))
    (rows, runs), (nams, nams_runs) = (
        ({row.name: row for row in table.rows}, {cell.row.name: cell.variants for cell in cells_of(table, Overrides())})
        for table in (ema, nam)
    )
    for name, of_nam in names.items():
        for key in ("top1", "top5"):
            assert Decimal(rows[name].published[key]) == 100 - Decimal(nams[of_nam].published[key])
        assert [spec.id for (spec,) in runs[name]] == [spec.id for (spec,) in nams_runs[of_nam]]


def test_emas_places_are_the_13_blocks_with_more_than_144_channels() -> None:
    """As in the authors' code; the counts of its table prove them."""
    for number in ("2", "3"):
        (row,) = [row for row in papers.load("ema").tables[number].rows if row.setup.module == "ema"]
        channels = backbones.channels(row.setup.backbone, row.setup.placement)
        assert channels == (*[192] * 3, *[384] * 4, *[576] * 3, *[960] * 3)


def test_ans_rows_of_coco_start_as_its_authors_code_does() -> None:
    rows = [row for table, row in rows_of("an", "an") if table.number in {"2", "3"}]
    assert len(rows) == 6
    assert {(row.setup.hyperparameters["form"], row.setup.hyperparameters["start"]) for row in rows} == {
        ("released", "released")
    }


@pytest.mark.parametrize(
    ("paper", "table", "row", "field", "value"),
    [
        ("ean", "2", "ResNet50+EAN", "weight_init", "fan-in"),
        ("ean", "2", "ResNet56+EAN", "weight_init", "default"),
        ("ean", "3", "EAN-MX", "eval_resize", "bicubic"),
        ("ean", "3", "EAN-R50", "weight_init", "fan-in"),
        ("ean", "4", "EAN-MobileNeXt", "default_boxes", "released"),
        ("ean", "5", "EAN-MobileNeXt", "class_loss", "focal"),
        ("an", "1", "ResNet-50-AN", "warmup_epochs", 5.0),
        ("an", "1", "MobileNet-v2-AN", "epochs", 150),
        ("an", "2", "ResNet-50 AN", "box_beta", 1.0),
        ("an", "3", "HTC ResNet-101+AN", "semantic_resize", "before"),
        ("an", "3", "Cascade Mask-RCNN ResNet-101+AN", "semantic_resize", "after"),
        ("an", "3", "HTC ResNet-101+AN", "semantic_labels", "first"),
        ("an", "3", "HTC ResNet-101+AN", "head_init", "released"),
        ("ela", "6", "YOLOF+ELA-L", "backbone_lr", 0.334),
        ("ela", "6", "YOLOF+ELA-L", "decay_norms", False),
        ("ela", "7", "YOLOX-Nano+CBAM", "min_lr_ratio", 0.05),
        ("ela", "8", "DeepLabV3+ELA-S", "backbone_lr", 0.1),
        ("ela", "8", "DeepLabV3+ELA-S", "head_init", "released"),
    ],
)
def test_rows_are_trained_as_the_code_behind_their_numbers(
    paper: str, table: str, row: str, field: str, value: object
) -> None:
    (item,) = [item for item in cells_of(papers.load(paper).tables[table], Overrides()) if item.row.name == row]
    assert {getattr(spec.recipe, field) for variant in item.variants for spec in variant} == {value}
