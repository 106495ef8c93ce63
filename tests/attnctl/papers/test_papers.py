"""The papers' files, and how a printed figure is read."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from attnctl import attention, backbones, datasets, papers
from attnctl.complexity import CONVENTIONS, Written
from attnctl.papers.audit import cells, read, rounded
from attnctl.values import SpecError

ROWS = papers.rows()


def test_there_are_all_rows_with_a_figure() -> None:
    found = {
        name: {number: len(table.rows) for number, table in papers.load(name).tables.items()} for name in papers.names()
    }
    assert found == {
        "an": {"1": 11},
        "ean": {"1": 28, "2": 28, "3": 21, "4": 4, "5": 8},
        "ela": {"2": 11, "3": 7, "4": 15, "5": 30, "6": 3, "7": 7, "8": 7},
        "nam": {"1": 7, "2": 5, "3": 10, "4": 10},
    }


def test_every_name_in_a_file_is_one() -> None:
    for row in ROWS:
        for way in (row.params_as, row.flops_as):
            assert way == "exact" or way in CONVENTIONS or way in {"linear.weight", "conv.weight", "batch_norm.weight"}
        Written(**row.written)
        assert set(row.explained) <= {"params", "flops"}
        assert row.params
        if row.task != papers.CLASSIFICATION:
            continue
        assert row.module == "none" or row.module in attention.names()
        assert row.maps or (backbones.describe(row.backbone) and datasets.describe(row.dataset))
        assert cells(row)  # the placement and the hyperparameters too


def test_rows_of_a_table_have_names_of_their_own() -> None:
    keys = [(row.paper, row.table, row.row) for row in ROWS]
    assert len(set(keys)) == len(keys)


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
def test_what_is_no_figure_says_so(printed: str) -> None:
    with pytest.raises(SpecError, match="is no figure"):
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


def test_unknown_papers_and_tables_say_what_there_is() -> None:
    with pytest.raises(SpecError, match="unknown paper 'eal'; did you mean 'ela'"):
        papers.rows("eal")
    with pytest.raises(SpecError, match="ELA has no table '1' with parameters or FLOPs; it has 2, 3, 4, 5, 6, 7, 8"):
        papers.rows("ELA", "1")
    with pytest.raises(SpecError, match="no paper has a table '9'"):
        papers.rows(table="9")
    assert {row.paper for row in papers.rows(table="1")} == {"AN", "EAN", "NAM"}


def test_an_unknown_key_in_a_file_names_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = papers.FOLDER.joinpath("an.toml").read_text(encoding="utf-8")
    assert tomllib.loads(source)
    (tmp_path / "an.toml").write_text(source.replace('module = "gn"', 'modul = "gn"'), encoding="utf-8")
    monkeypatch.setattr(papers, "FOLDER", tmp_path)
    papers.names.cache_clear()
    papers.load.cache_clear()
    try:
        with pytest.raises(
            SpecError, match=r"an\.toml: table 1, row 'ResNet-50-GN' has a key 'modul'; did you mean 'module'"
        ):
            papers.load("an")
    finally:
        papers.names.cache_clear()
        papers.load.cache_clear()
