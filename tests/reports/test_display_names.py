"""What modules, networks and data sets are called in a table."""

from __future__ import annotations

import pytest

from attnctl import attention, backbones, datasets, models
from attnctl.reports import comparison, display_names
from attnctl.reports.display_names import PLAIN, DisplayNames
from attnctl.reports.selection import Options
from attnctl.values import SpecError
from tests.reports.report_rows import rows


def test_everything_built_in_has_a_name_of_its_own() -> None:
    assert set(display_names.MODELS) == set(models.names())
    assert set(display_names.DATASETS) == set(datasets.DATASETS)
    for shown, typed in (
        ([PLAIN.module(name) for name in attention.names()], attention.names()),
        ([PLAIN.network(name) for name in backbones.names()], backbones.names()),
    ):
        assert len(set(shown)) == len(shown)
        assert not set(shown) & set(typed)


@pytest.mark.parametrize(
    ("module", "settings", "shown"),
    [
        ("ela", [("kernel", "7")], "ELA (k = 7)"),
        ("ela", [], "ELA"),
        ("ean+se", [("ean.G", "8")], "EAN + SE (ean.G = 8)"),
        ("an@norm2+se@block", [], "AN (norm2) + SE (block)"),
        ("./mine.py:PoolMix", [("act", "relu"), ("r", "2")], "PoolMix (act = relu, r = 2)"),
        ("mine:PoolMix", [], "PoolMix"),
        ("gone+away", [], "gone+away"),
        ("none", [], "Faster R-CNN, ResNet-50"),
    ],
)
def test_a_row_reads_as_in_a_paper(module: str, settings: list[tuple[str, str]], shown: str) -> None:
    assert PLAIN.row(module, settings, "fasterrcnn resnet50") == shown


def test_the_users_names_come_first_and_can_be_selected_as_the_typed_ones_can() -> None:
    names = {"ela": "Ours", "ela kernel=5": "Ours-S", "kernel": "K", "none": "Baseline"}
    names |= {"resnet20": "R20", "digits": "D"}
    made = rows([1.0, 2.0, 3.0], ("none", "ela"), hyperparameters={"kernel": ("5", "7")})
    options = Options(names=DisplayNames(names))
    (group,) = comparison.build(made, options=options).table.groups
    assert group.title == "R20 on D"
    assert [row.header for row in group.rows] == [("Baseline",), ("Ours-S",), ("Ours (K = 7)",)]
    for asked in ("Ours (K = 7)", "ela kernel=7", "*K = 7*"):
        report = comparison.build(made, options=Options(names=DisplayNames(names), rows=(asked,)))
        assert report.names == ("ela kernel=7",)
        assert [row.header for _, row in report.rows()] == [("Ours (K = 7)",)]


def test_names_are_given_behind_what_is_typed() -> None:
    found = display_names.parsed(["se=SE-Net", "ela kernel=7 = ELA-L"])
    assert found == {"se": "SE-Net", "ela kernel=7": "ELA-L"}
    for wrong in ("se", "=x", "se=", "se=a\nb"):
        with pytest.raises(SpecError, match="write what is typed, = and the name"):
            display_names.parsed([wrong])
