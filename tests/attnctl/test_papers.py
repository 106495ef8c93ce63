"""The papers' files, and how a printed figure is read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from attnctl import attention, backbones, datasets, papers
from attnctl.networks.complexity import CONVENTIONS, Written
from attnctl.papers.audit import cells, read, rounded, tables
from attnctl.values import SpecError

TABLES = [table for name in papers.names() for table in papers.load(name).tables.values()]
CELLS = [(table, row, column) for table in TABLES for row in table.rows for column in table.columns]


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
        tables("eal")
    with pytest.raises(SpecError, match="ELA has no table '1' with parameters or FLOPs; it has 2, 3, 4, 5, 6, 7, 8"):
        tables("ELA", "1")
    with pytest.raises(SpecError, match="no paper has a table '9'"):
        tables(table="9")
    assert {row.paper for row in tables(table="1")} == {"AN", "EAN", "NAM"}
